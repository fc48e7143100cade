from __future__ import annotations

from tracetool.babeltrace.errors import logged

LOG = """\
11-25 03:10:11.658  6575  6575 W PLUGIN/SRC.CTF.FS read@fs.c:12 [trace 0] A warning
11-25 03:10:11.671  6575  6575 E PLUGIN/CTF/META/PARSER yyerror@parser.y:943 [trace 0] At line 14: syntax error: t=""
11-25 03:10:11.671  6575  6575 E PLUGIN/CTF/META/DECODER append@decoder.c:288 Cannot create: mdec-addr=0x56047ee563d0
"""


def test_the_first_error_logged_is_kept_without_the_librarys_own_details() -> None:
    assert logged(LOG) == "At line 14: syntax error"


def test_nothing_logged_says_nothing() -> None:
    assert logged("") == ""
    assert logged("Traceback (most recent call last):\n") == ""
