import numpy as np
import polars as pl
from numpy.typing import NDArray

def fill(column: pl.Series, room: NDArray[np.int64] | NDArray[np.uint8], absent: int) -> None: ...
