"""Pages of Great Expectations, without whatever they would fetch or run."""

from __future__ import annotations

from satisfice.tasks.validation.data_docs import STYLES, offline

STYLE = "\n".join(line for line in STYLES.read_text().splitlines() if line)

PAGE = """<!DOCTYPE html>
<html>
  <head>
    <title>theirs</title>
    <meta charset="UTF-8"><meta http-equiv="refresh" content="1">
    <link rel="stylesheet" href="https://cdn.example/a.css"/>
    <style>body { background: url(https://cdn.example/a.png) }</style>
    <script src="https://cdn.example/a.js"></script>
  </head>
  <body onload="go()">
    <nav class="sticky-top"><nav><a href="index.html">Home<img src="logo.png"></a></nav></nav>
    <script>if (1 < 2) { document.write("<p>written</p>") }</script>
    <p class="lead" style="color: red" data-toggle="x">5 &lt; 6 &#38; 7</p>
    <p style="background: url('https://cdn.example/b.png')">plain</p>
    <a href="#section-1">down</a> <a href="https://elsewhere.example">out</a>
    <label onclick="hide()"><input type="radio" id="option2" checked> Failed</label>
    <table><thead hidden><tr><th>h</th></tr></thead></table>
    <footer><a href="https://elsewhere.example">subscribe</a></footer>
    <p>end</p>
  </body>
</html>
"""


def test_nothing_is_fetched_or_run() -> None:
    page = offline(PAGE, "ours")
    assert STYLE in page
    page = page.replace(STYLE, "")
    for gone in (
        "http",
        "url(",
        "<script",
        "written",
        "onclick",
        "onload",
        "<link",
        "<img",
        "Home",
    ):
        assert gone not in page, gone


def test_what_is_there_to_read_stays() -> None:
    page = offline(PAGE, "a < b")
    assert page.startswith("<!DOCTYPE html>\n<html>")
    assert "<title>a &lt; b</title>" in page
    assert "theirs" not in page
    assert "</link>" not in page
    assert '<meta charset="UTF-8">' in page
    assert '<p class="lead" style="color: red">5 &lt; 6 &#38; 7</p>' in page
    assert "<p>plain</p>" in page
    assert '<a href="#section-1">down</a> <a>out</a>' in page
    assert '<label><input type="radio" id="option2" checked> Failed</label>' in page
    assert "<thead hidden>" in page
    assert page.rstrip().endswith("<p>end</p>\n  </body>\n</html>")


def test_what_was_escaped_in_an_attribute_stays_escaped() -> None:
    page = offline('<p class="&quot;><script>alert(1)</script>">x</p>', "ours")
    assert page.strip() == '<p class="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">x</p>'


def test_our_own_styles_fetch_nothing() -> None:
    styles = STYLES.read_text()
    assert "http" not in styles
    assert "url(" not in styles
    assert "@import" not in styles
