"""Source videos: finding them, telling what they hold, bringing them to local disk."""
