"""What a strategy has to keep to, tried out: plain and compiled answer alike, nothing is kept, changed or raised."""
