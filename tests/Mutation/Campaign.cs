using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace Livebed.Mutation;

/// <summary>
/// Runs hunts in child processes and gathers their verdicts. A mutation that makes the model loop without a step ends its child, counts as
/// killed, and the next child goes on behind it.
/// </summary>
/// <param name="folder">where the hunting program is, beside the mutated model</param>
/// <param name="schedules">of each scene and mutation, at most</param>
/// <param name="patience">how long one mutation may take without an answer</param>
public sealed class Campaign(string folder, int schedules, TimeSpan patience)
{
    private readonly ConcurrentBag<Verdict> _verdicts = [];

    /// <summary>Hunts all of them, so many at a time.</summary>
    public IReadOnlyList<Verdict> Run(IReadOnlyList<Mutation> mutations, int processes)
    {
        var shares = Enumerable.Range(0, processes).Select(share => mutations.Where((_, index) => index % processes == share).ToList());
        Task.WaitAll([.. shares.Select((share, index) => Task.Factory.StartNew(
            () => RunShare(share, index), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))]);
        return [.. _verdicts];
    }

    private void RunShare(List<Mutation> share, int index)
    {
        var left = share;
        while (left.Count > 0)
        {
            var list = Path.Combine(folder, $"share-{index}.json");
            File.WriteAllText(list, JsonSerializer.Serialize(left));
            var last = RunChild(list);
            var done = left.FindIndex(mutation => mutation.Key == last);
            if (done < 0) throw new InvalidOperationException($"the hunting process of share {index} said nothing");
            left = left[(done + 1)..];
        }
    }

    /// <returns>the key of the last mutation that it came to</returns>
    private string? RunChild(string list)
    {
        var program = Path.Combine(folder, "Livebed.Mutation.dll");
        using var child = Process.Start(new ProcessStartInfo("dotnet", [program, "hunt", list, $"{schedules}"])
        {
            RedirectStandardOutput = true,
        })!;
        string? current = null;
        var isJudged = true;
        while (ReadLine(child) is { } line)
        {
            if (line.StartsWith("begin ", StringComparison.Ordinal)) (current, isJudged) = (line[6..], false);
            if (!line.StartsWith("end ", StringComparison.Ordinal)) continue;
            var verdict = JsonSerializer.Deserialize<Verdict>(line[4..])!;
            _verdicts.Add(verdict);
            isJudged = true;
            var fate = verdict.KilledBy is null ? "SURVIVED" : $"killed by {verdict.KilledBy}";
            Console.WriteLine($"{verdict.Key}  {fate} {verdict.Scenario} {verdict.Schedules}");
        }

        if (!child.HasExited) child.Kill(entireProcessTree: true);
        child.WaitForExit();
        if (current is not null && !isJudged) _verdicts.Add(new Verdict(current, "does not end", "", 0));
        return current;
    }

    /// <summary>Null at the end of the output, and when no line came in time.</summary>
    private string? ReadLine(Process child)
    {
        var line = child.StandardOutput.ReadLineAsync();
        return line.Wait(patience) ? line.Result : null;
    }
}
