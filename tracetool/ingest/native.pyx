"""What Python calls of the compiled kernels: other threads run meanwhile."""

from tracetool.ingest cimport simple_kernel
from tracetool.ingest.simple_kernel cimport Reader


def walk(Reader reader not None):
    with nogil:
        result = simple_kernel.walk(reader)
    return result
