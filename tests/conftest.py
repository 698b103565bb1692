"""What holds for every test: how fast a machine is decides nothing."""

from hypothesis import HealthCheck, settings

# Both are limits in wall-clock time, which a busy machine breaks with nothing wrong in the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
