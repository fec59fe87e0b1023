"""What all pages share: one style sheet, and data that no text can break out of."""

import json

from flanjax.pages.environment import asset, environment, in_script


def test_every_page_has_the_one_style_sheet_and_the_script_of_tables_unescaped():
    page = environment().from_string("<style>{{ style }}</style><script>{{ tables }}</script>{{ text }}").render(text="<b>")
    assert asset("flanjax.pages", "style.css") in page
    assert asset("flanjax.pages", "tables.js") in page
    assert page.endswith("&lt;b&gt;")


def test_no_text_ends_the_script_that_holds_it():
    texts = ["</script><script>alert(1)</script>", "<!--", "]]>", "\u2028", '"\\', "\ud83d", "日本"]
    written = in_script(texts)
    assert "<" not in written
    assert "\u2028" not in written
    assert json.loads(written) == texts
    written.encode()
