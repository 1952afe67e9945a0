"""The ear, the mouth, and the mind that joins them."""
