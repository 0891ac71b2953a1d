"""Bar charts as SVG, readable on light and dark pages."""
import html
import math

COLOURS = ['#2f7fd6', '#d98324', '#5a9e48']


def bars(path, title, rows, logarithmic=True):
    """Horizontal bars. rows: (label, [(series, value or None), ...]); a logarithmic axis begins at 1."""
    left, width, height, top = 260, 760, 14, 64
    series = [name for name, _ in rows[0][1]] if rows else []
    largest = max([v for _, values in rows for _, v in values if v] + [2])
    room = width - left - 60
    low = min([v for _, values in rows for _, v in values if v] + [1]) if logarithmic else 0
    low = min(1, low)

    def length(v):
        return room * (math.log(v / low) / math.log(largest / low) if logarithmic else v / largest)
    group = height * len(series) + 8
    bottom = top + group * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 26}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{bottom + 26}" fill="#ffffff"/>', f'<text x="10" y="20" font-size="14">{html.escape(title)}</text>']
    for i, name in enumerate(series):
        x = left + 110 * i
        out.append(f'<rect x="{x}" y="32" width="12" height="12" fill="{COLOURS[i]}"/><text x="{x + 18}" y="42">{html.escape(name)}</text>')
    ticks = [t for t in (1, 2, 3, 5, 10, 20, 50, 100) if t <= largest] if logarithmic else [round(largest * k / 4) for k in range(5)]
    for t in ticks:
        x = left + length(t)
        out.append(f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#ccc"/>'
                   f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{t}</text>')
    for k, (label, values) in enumerate(rows):
        y = top + group * k
        out.append(f'<text x="{left - 8}" y="{y + height * len(values) / 2 + 4}" text-anchor="end">{html.escape(label)}</text>')
        for i, (_, v) in enumerate(values):
            if v:
                text = f'{v:.1f}' if isinstance(v, float) else str(v)
                out.append(f'<rect x="{left}" y="{y + height * i}" width="{max(length(v), 1):.1f}" height="{height - 2}" fill="{COLOURS[i]}"/>'
                           f'<text x="{left + max(length(v), 1) + 4:.1f}" y="{y + height * i + 10}">{text}</text>')
    out.append('</svg>')
    with open(path, 'w') as f:
        f.write('\n'.join(out) + '\n')
