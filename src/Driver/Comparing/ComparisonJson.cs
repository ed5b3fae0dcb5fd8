using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Driver.Comparing;

/// <summary>A comparison as JSON; docs/compare.md has the fields.</summary>
internal static class ComparisonJson
{
    private static readonly ComparisonContext _context = new(new JsonSerializerOptions(ComparisonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Write(Comparison comparison) => JsonSerializer.Serialize(new ComparisonDocument(
        [.. comparison.Differences.Select(difference => new ComparedKey(
            difference.Key, [.. difference.Values.Select(value => value.Value)]))],
        comparison.Groups,
        comparison.Figures.Select(figure => new FigureDocument(
            figure.Name, Unit(figure.Unit), figure.Differs,
            [
                .. figure.Groups.Select((group, i) => new GroupFigureDocument(
                    comparison.Groups[i].Name, group.Values, group.Interval?.Median, group.Interval?.Low, group.Interval?.High,
                    group.Interval?.Level, group.PValue, group.Differs)),
            ])).ToList()), _context.ComparisonDocument) + "\n";

    private static string Unit(FigureUnit unit) => unit switch
    {
        FigureUnit.Microseconds => "us",
        FigureUnit.PerSecond => "1/s",
        FigureUnit.Share => "share",
        _ => "number",
    };
}

/// <summary>What is printed.</summary>
internal sealed record ComparisonDocument(
    IReadOnlyList<ComparedKey> Compared, IReadOnlyList<ComparedGroup> Groups, IReadOnlyList<FigureDocument> Figures);

internal sealed record ComparedKey(string Key, IReadOnlyList<string> Values);

internal sealed record FigureDocument(string Name, string Unit, bool Differs, IReadOnlyList<GroupFigureDocument> Groups);

internal sealed record GroupFigureDocument(
    string Group, IReadOnlyList<double> Values, double? Median, double? Low, double? High, double? Level, double? PValue, bool? Differs);

/// <summary>The generated serialiser of comparisons.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ComparisonDocument))]
internal sealed partial class ComparisonContext : JsonSerializerContext;
