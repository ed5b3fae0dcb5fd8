using System.Text.Json;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Benching;

/// <summary>What `bench --json` prints, and `bench compare` reads; docs/bench.md explains each field.</summary>
internal static class RatioJson
{
    /// <summary>A result is a few kilobytes.</summary>
    public const int BytesMax = 1 << 20;

    private static readonly JsonSerializerOptions _options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(RatioRequest request, IReadOnlyList<RatioRow> rows) => JsonSerializer.Serialize(
        new Document(
            rows.All(row => row.Holds), Environment.ProcessorCount, request.Rounds, request.Window.TotalSeconds,
            request.WarmUp.TotalSeconds,
            [
                .. rows.Select(row => new Figure(
                    row.Name, row.Unit, row.Measured, OrNull(row.Against), OrNull(row.Ratio), OrNull(row.RatioLeast), OrNull(row.RatioMost),
                    row.Goal is { } goal ? new Goal(goal.Least, goal.Most, goal.MeasuredLeast, goal.MeasuredMost) : null, row.Holds,
                    [.. row.Rounds.Select(round => new Round(round.Measured, OrNull(round.Against)))])),
            ]),
        _options);

    /// <exception cref="UsageException">It is no result of a benchmark.</exception>
    public static IReadOnlyList<RatioRow> Read(string file, byte[] text)
    {
        try
        {
            if (JsonSerializer.Deserialize<Document>(text, _options) is not { Figures.Count: > 0 } document)
                throw new UsageException($"{file}: has no figures; allowed: what `bench --json` printed");
            return [.. document.Figures.Select(figure => RowOf(file, figure))];
        }
        catch (JsonException e)
        {
            throw new UsageException($"{file}: is no result of a benchmark: {OneLine.Of(e.Message)}; allowed: what `bench --json` printed");
        }
    }

    private static RatioRow RowOf(string file, Figure figure)
    {
        if (figure.Rounds.Count == 0) throw new UsageException($"{file}: {Printable.Of(figure.Name)} has no rounds; allowed: one or more");
        return new RatioRow(
            figure.Name, figure.Unit, [.. figure.Rounds.Select(round => new RatioRound(round.Measured, round.Against ?? double.NaN))],
            figure.Goal is { } goal ? new RatioGoal(goal.RatioLeast, goal.RatioMost, goal.MeasuredLeast, goal.MeasuredMost) : null);
    }

    private static double? OrNull(double value) => double.IsFinite(value) ? value : null;

    private sealed record Document(
        bool Holds, int Processors, int RoundsEach, double WindowSeconds, double WarmUpSeconds, IReadOnlyList<Figure> Figures);

    private sealed record Figure(
        string Name, string Unit, double Measured, double? Against, double? Ratio, double? RatioLeast, double? RatioMost, Goal? Goal,
        bool Holds, IReadOnlyList<Round> Rounds);

    private sealed record Goal(double? RatioLeast, double? RatioMost, double? MeasuredLeast, double? MeasuredMost);

    private sealed record Round(double Measured, double? Against);
}

/// <summary>Two results of a benchmark, side by side.</summary>
internal static class RatioComparison
{
    /// <summary>The figures that both have.</summary>
    public static IReadOnlyList<(RatioRow One, RatioRow Other)> Of(IReadOnlyList<RatioRow> first, IReadOnlyList<RatioRow> second) =>
        [.. first.Join(second, row => row.Name, row => row.Name, (one, other) => (one, other))];

    /// <summary>Whether the ranges of the rounds are apart: by ratio where there is one, as machines differ.</summary>
    public static bool Differs(RatioRow one, RatioRow other)
    {
        var (a, b) = (Values(one), Values(other));
        return a.Max() < b.Min() || b.Max() < a.Min();
    }

    private static List<double> Values(RatioRow row) =>
        [.. row.Rounds.Select(round => double.IsNaN(round.Against) ? round.Measured : round.Ratio)];
}
