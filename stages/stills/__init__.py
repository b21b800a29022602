"""Still images: reading them, and moving a window over them."""
