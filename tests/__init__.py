"""Tests of both packages. Asserts of their helper modules explain themselves as those of the tests do."""

import pytest

pytest.register_assert_rewrite("tests.live", "tests.patience", "tests.replay", "tests.tracetool")
