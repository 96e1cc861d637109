"""What arrives packed."""
