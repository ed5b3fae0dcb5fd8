using System.Diagnostics;

namespace Livebed.Faults;

/// <summary>Runs one row and compares its end with what the row allows.</summary>
internal static class RowRun
{
    /// <summary>No run of a few seconds takes longer, whatever happens to it.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    public static async Task<RowResult> RunAsync(Row row, string? image)
    {
        using var folder = new ScratchFolder();
        if (row.Fault.Kind == FaultKind.FullDisk && !folder.TryMount((int)row.Fault.Amount))
            return new RowResult(row, "skipped", "no small disk can be mounted here", TimeSpan.Zero, []);
        var began = Stopwatch.GetTimestamp();
        using var quota = row.Fault.Kind == FaultKind.Quota ? new ProcessorQuota((int)row.Fault.Amount) : null;
        using var command = CommandUnderTest.Start([.. row.Arguments, "--out", folder.FullPath], quota, image);
        var struck = StrikeAsync(row, command);
        var ended = await command.EndAsync(Limit);
        await struck;
        var took = Stopwatch.GetElapsedTime(began);
        if (!ended) return new RowResult(row, "hangs", $"it did not end within {Limit.TotalMinutes:0} minutes", took, command.Lines);
        return Judge(row, command, took);
    }

    private static async Task StrikeAsync(Row row, CommandUnderTest command)
    {
        await command.PhaseAsync(row.Phase);
        await Task.Delay(TimeSpan.FromSeconds(row.AfterSeconds));
        await row.Fault.StrikeAsync(command);
    }

    private static RowResult Judge(Row row, CommandUnderTest command, TimeSpan took)
    {
        var (end, lines) = (Row.NameOf(command.ExitCode), command.Lines);
        var fault = row.Ends.Contains(end) ? null : $"it may be {string.Join(" or ", row.Ends)}";
        if (fault is null && !Text(lines).Contains(row.Says, StringComparison.Ordinal)) fault = $"it does not say '{row.Says}'";
        if (fault is null && lines.Any(line => line.StartsWith("   at ", StringComparison.Ordinal)))
            fault = "it prints the trace of a stack";
        return new RowResult(row, end, fault, took, lines);
    }

    /// <summary>The report is broken into lines where the terminal ends.</summary>
    private static string Text(IEnumerable<string> lines) => string.Join(' ', lines.Select(line => line.Trim()));
}

/// <param name="Row">that was run</param>
/// <param name="End">how the command ended</param>
/// <param name="Fault">why that is wrong; null if it is as it should be</param>
/// <param name="Took">how long it ran</param>
/// <param name="Lines">what it printed</param>
internal sealed record RowResult(Row Row, string End, string? Fault, TimeSpan Took, IReadOnlyList<string> Lines)
{
    public bool IsSkipped => End == "skipped";

    private string Judgement => IsSkipped ? "skipped" : Fault is null ? "ok" : "FAILED";

    public override string ToString() => FormattableString.Invariant(
        $"{Judgement,-8}{Row.Name,-26} {Row.Phase,-13} {Row.Fault,-18} {End,-8} {Took.TotalSeconds,6:0.0} s")
        + (Fault is null ? "" : $"  {Fault}");
}

/// <summary>A folder for one run, which goes with it; on a disk of its own if asked for.</summary>
internal sealed class ScratchFolder : IDisposable
{
    private bool _isMounted;

    public string FullPath { get; } = Directory.CreateTempSubdirectory("livebed-faults-").FullName;

    /// <summary>Root can, where it may: a file system in memory of so many KiB.</summary>
    public bool TryMount(int kib) =>
        _isMounted = Run("mount", "-t", "tmpfs", "-o", FormattableString.Invariant($"size={kib}k"), "livebed-faults", FullPath);

    public void Dispose()
    {
        if (_isMounted) Run("umount", FullPath);
        Directory.Delete(FullPath, recursive: true);
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(program) { RedirectStandardError = true, RedirectStandardOutput = true };
            foreach (var argument in arguments) start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
