namespace Livebed.Driver.Terminal;

/// <summary>How far something is, in characters: <c>[████████░░░░░░░░]  12.0s of 30s, 18s left</c>.</summary>
internal static class ProgressBar
{
    public const int Columns = 20;

    /// <param name="share">0 to 1; what is beyond counts as 1</param>
    /// <param name="columns">without the brackets</param>
    public static string Of(double share, int columns = Columns)
    {
        var full = (int)Math.Round(Math.Clamp(double.IsNaN(share) ? 0 : share, 0, 1) * columns);
        return $"[{new string('█', full)}{new string('░', columns - full)}]";
    }

    /// <summary>With a bar where the end is known.</summary>
    public static string Of(TimeSpan elapsed, TimeSpan? total, int columns = Columns) =>
        total is { } limit ? $"{Of(elapsed / limit, columns)}  {Time(elapsed, limit)}" : Time(elapsed, total);

    public static string Time(TimeSpan elapsed, TimeSpan? total)
    {
        var time = FormattableString.Invariant($"{elapsed.TotalSeconds:0.0}s");
        return total is { } limit
            ? time + FormattableString.Invariant($" of {limit.TotalSeconds:0.#}s, {Math.Max(0, (limit - elapsed).TotalSeconds):0}s left")
            : time;
    }
}
