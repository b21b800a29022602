"""The cut cascade: three PySceneDetect detectors propose at three rates, native-rate thumbnails decide."""
