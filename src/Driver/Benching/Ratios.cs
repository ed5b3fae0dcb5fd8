namespace Livebed.Driver.Benching;

/// <summary>Something of the bed that is measured against something bare, in one run, by turns: machines differ, and minutes too.</summary>
internal interface IRatioBench
{
    /// <summary>As on the command line.</summary>
    string Name { get; }

    /// <summary>What is measured against what, in one line.</summary>
    string Summary { get; }

    Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted);
}

/// <summary>How long is measured.</summary>
/// <param name="Rounds">how often both sides have their turn</param>
/// <param name="Window">of one side in one round</param>
/// <param name="WarmUp">of each side before the first round</param>
internal sealed record RatioRequest(int Rounds, TimeSpan Window, TimeSpan WarmUp)
{
    /// <summary>The most VMs where the figure is of ever more; null for as many as the goal is about.</summary>
    public int? VmsMax { get; init; }
}

/// <summary>A figure and the goal that it is held against.</summary>
/// <param name="Name">unique in the whole benchmark</param>
/// <param name="Unit">of both sides, as in "faults/s"</param>
/// <param name="Rounds">what both sides came to, round by round</param>
/// <param name="Goal">null where the figure is for information</param>
internal sealed record RatioRow(string Name, string Unit, IReadOnlyList<RatioRound> Rounds, RatioGoal? Goal)
{
    public double Measured { get; } = Medians.Of(Rounds.Select(round => round.Measured));

    public double Against { get; } = Medians.Of(Rounds.Select(round => round.Against));

    public double Ratio { get; } = Medians.Of(Rounds.Select(round => round.Ratio));

    public double RatioLeast { get; } = Rounds.Min(round => round.Ratio);

    public double RatioMost { get; } = Rounds.Max(round => round.Ratio);

    public bool Holds => Goal is null || Goal.IsMet(this);
}

/// <summary>One turn of each side; not a number where a figure stands for itself.</summary>
internal readonly record struct RatioRound(double Measured, double Against = double.NaN)
{
    public double Ratio => Measured / Against;
}

/// <summary>What a figure has to be.</summary>
/// <param name="Least">of the ratio; null for no bound</param>
/// <param name="Most">of the ratio; null for no bound</param>
/// <param name="MeasuredLeast">of the measured side itself</param>
/// <param name="MeasuredMost">of the measured side itself</param>
internal sealed record RatioGoal(
    double? Least = null, double? Most = null, double? MeasuredLeast = null, double? MeasuredMost = null)
{
    public bool IsMet(RatioRow row) =>
        !(row.Ratio < Least) && !(row.Ratio > Most) && !(row.Measured < MeasuredLeast) && !(row.Measured > MeasuredMost);
}

internal static class Medians
{
    /// <exception cref="InvalidOperationException">There is no value.</exception>
    public static double Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count == 0) throw new InvalidOperationException("there is no median of nothing");
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}

/// <summary>Lets two sides have their turns: the bare one before and after, so that a machine that changes changes for both.</summary>
internal static class Alternation
{
    public static async Task<IReadOnlyList<RatioRound>> RunAsync(
        RatioRequest request, Func<TimeSpan, Task<double>> measured, Func<TimeSpan, Task<double>> against, CancellationToken interrupted)
    {
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        do
        {
            await against(request.Window);
            await measured(request.Window);
            interrupted.ThrowIfCancellationRequested();
        }
        while (System.Diagnostics.Stopwatch.GetElapsedTime(began) < request.WarmUp);

        var rounds = new List<RatioRound>();
        var before = await against(request.Window);
        for (var round = 0; round < request.Rounds; round++)
        {
            interrupted.ThrowIfCancellationRequested();
            var own = await measured(request.Window);
            var after = await against(request.Window);
            rounds.Add(new RatioRound(own, (before + after) / 2));
            before = after;
        }

        return rounds;
    }
}
