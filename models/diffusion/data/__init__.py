"""Training data from packed shards: `TrainingData` gives `Batch` after `Batch`."""

from models.diffusion.data.batch import Batch, Broken
from models.diffusion.data.errors import DataError
from models.diffusion.data.fingerprint import Encoders
from models.diffusion.data.settings import DataSettings
from models.diffusion.data.training_data import TrainingData

__all__ = ["Batch", "Broken", "DataError", "DataSettings", "Encoders", "TrainingData"]
