using System.Globalization;

namespace Livebed.Browser;

/// <summary>What a report must show, as expressions of the page's own language: each is empty, or says what is wrong.</summary>
internal static class PageChecks
{
    private const string Drawn = """
        (() => {
          const empty = [...document.querySelectorAll('figure canvas')].filter(canvas => {
            if (canvas.width === 0 || canvas.closest('details:not([open])')) return canvas.width === 0;
            const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return !dots.some((dot, i) => i % 4 === 3 && dot > 0);
          });
          const charts = document.querySelectorAll('figure canvas').length;
          return charts < 4 ? `${charts} charts` : empty.length > 0 ? `${empty.length} empty charts` : '';
        })()
        """;

    /// <summary>A defect may be found before anything waited for a lock; the page says that then, and has no table to sort.</summary>
    private const string Sorts = """
        (() => {
          if (!document.querySelector('#locks')) {
            const isEarly = document.querySelector('.verdict.invalid') && document.body.textContent.includes('Nothing waited for a lock.');
            return isEarly ? '' : 'no lock table';
          }
          const head = document.querySelector('#locks th:nth-child(2) button');
          const firstOf = () => Number(document.querySelector('#locks tbody tr').cells[1].dataset.v);
          const all = [...document.querySelectorAll('#locks tbody tr')].map(row => Number(row.cells[1].dataset.v));
          head.click();
          const down = firstOf();
          head.click();
          return down !== Math.max(...all) ? 'not the largest first' : firstOf() !== Math.min(...all) ? 'not the smallest first' : '';
        })()
        """;

    private const string Witnessed = """
        (() => {
          if (!document.querySelector('.verdict.invalid')) return '';
          const bars = [...document.querySelectorAll('.witness .bar.named rect')];
          const visible = bars.filter(bar => bar.getBoundingClientRect().width > 0 && bar.getBoundingClientRect().height > 0);
          // A violation may say all in its sentence.
          const isViolation = [...document.querySelectorAll('h2')].some(head => head.textContent === 'Violations');
          const words = [...document.querySelectorAll(isViolation ? '.finding summary' : '.finding pre')];
          const isSaid = words.some(some => some.getBoundingClientRect().height > 0);
          return !isSaid ? 'no witness in words' : visible.length === 0 ? 'no lane has an operation of the finding' : '';
        })()
        """;

    private const string Condemned = """
        document.querySelector('.verdict.invalid') ? '' : 'the page of an invalid run does not say so'
        """;

    /// <summary>Each violation and each hang is a link to its trace.</summary>
    private const string Followed = """
        (() => {
          if (!document.querySelector('header code').textContent.includes('--jaeger-ui')) return '';
          const isTheirs = part => ['Violations', 'Hangs'].includes(part.querySelector('h2')?.textContent);
          const violations = [...document.querySelectorAll('section')].filter(isTheirs)
            .flatMap(part => [...part.querySelectorAll('.finding')]);
          const trace = /^http:\/\/127\.0\.0\.1:16686\/trace\/[0-9a-f]{32}$/;
          const without = violations.filter(one => !trace.test(one.querySelector('a')?.href));
          return without.length > 0 ? `${without.length} of ${violations.length} violations and hangs have no trace` : '';
        })()
        """;

    private const string Traced = """
        (() => {
          const rows = [...document.querySelectorAll('#slowest tbody tr, #pairs tbody tr')];
          const links = [...document.querySelectorAll('#slowest a, #pairs a')];
          if (rows.length === 0) return 'no trace is named';
          const linked = document.querySelector('header code').textContent.includes('--jaeger-ui');
          if (linked !== links.length > 0) return `${links.length} links`;
          return links.every(link => /^http:\/\/127\.0\.0\.1:16686\/trace\/[0-9a-f]{32}$/.test(link.href)) ? '' : links[0].href;
        })()
        """;

    private const string Fits = """
        document.documentElement.scrollWidth > document.documentElement.clientWidth
          ? `it is ${document.documentElement.scrollWidth} pixels wide` : ''
        """;

    private const string Verdict = """
        document.querySelector('header').getBoundingClientRect().top > 60
          || !document.querySelector('header code')?.textContent.includes('--seed')
          ? 'verdict and repeat command are not on top' : ''
        """;

    public static IReadOnlyList<(string What, string Script)> All { get; } =
    [
        ("charts are drawn", Drawn), ("the lock table sorts", Sorts), ("the witness is to be seen", Witnessed),
        ("traces are named", Traced), ("violations lead to their traces", Followed), ("the page fits into the window", Fits),
        ("the head comes first", Verdict),
    ];

    /// <summary>What the page of a run with a finding must show besides.</summary>
    public static (string What, string Script) OfInvalid => ("the finding is to be seen", Condemned);

    /// <summary>That a table's column falls.</summary>
    public static string IsSorted(string table, int column) => string.Create(CultureInfo.InvariantCulture, $$"""
        (() => {
          const values = [...document.querySelectorAll('#{{table}} tbody tr')].map(row => Number(row.cells[{{column}}].dataset.v));
          return values.every((value, i) => i === 0 || values[i - 1] >= value) ? '' : 'a key does not sort';
        })()
        """);
}
