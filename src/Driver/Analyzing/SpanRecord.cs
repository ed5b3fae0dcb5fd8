namespace Livebed.Driver.Analyzing;

/// <summary>A span as the analysis sees it, whichever form it came in. Times are microseconds since 1970.</summary>
internal sealed class SpanRecord
{
    public required string TraceId { get; init; }
    public required string SpanId { get; init; }

    /// <summary>Null for a root.</summary>
    public required string? ParentId { get; init; }

    public required string Name { get; init; }
    public required double Start { get; init; }
    public required double End { get; init; }

    /// <summary>service.instance.id, or the service's name without one.</summary>
    public required string Instance { get; init; }

    public required AttributeSet Attributes { get; init; }
    public IReadOnlyList<string> LinkedSpans { get; init; } = [];
    public IReadOnlyList<SpanEvent> Events { get; init; } = [];

    public double Microseconds => End - Start;
}

internal sealed record SpanEvent(string Name, AttributeSet Attributes);

/// <summary>Attributes by name, few enough that a search is quicker than a table. Numbers are kept as such.</summary>
internal readonly struct AttributeSet(IReadOnlyList<KeyValuePair<string, object>>? entries)
{
    public string? Text(string name) => Find(name)?.ToString();

    public double Number(string name) => Find(name) switch
    {
        long whole => whole,
        double number => number,
        string text when double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) => number,
        _ => 0,
    };

    public bool Has(string name) => Find(name) is not null;

    private object? Find(string name)
    {
        for (var i = 0; i < (entries?.Count ?? 0); i++)
            if (entries![i].Key == name) return entries[i].Value;
        return null;
    }
}
