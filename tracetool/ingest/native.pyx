"""Entry points of the compiled kernels for Python, which release the GIL."""

from libc.stdint cimport int64_t

from tracetool.ingest cimport simple_kernel, text_kernel
from tracetool.ingest.simple_kernel cimport Reader
from tracetool.ingest.text_log cimport Log, Rows


def scan(Log log not None, Rows rows not None, int64_t end):
    with nogil:
        result = text_kernel.scan(log, rows, end)
    return result


def walk(Reader reader not None):
    with nogil:
        result = simple_kernel.walk(reader)
    return result
