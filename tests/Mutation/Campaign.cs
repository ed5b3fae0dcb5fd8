using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace Livebed.Mutation;

/// <summary>
/// Runs hunts in child processes and gathers their verdicts. A mutation by which a step does not end, or that breaks its process, ends
/// its child and counts as killed, and the next child goes on behind it. A child that begins is told the verdicts that there are.
/// </summary>
/// <param name="folder">where the hunting program is, beside the mutated model</param>
/// <param name="schedules">of each scene and mutation, at most</param>
/// <param name="asExplore">see <see cref="HuntOrder"/></param>
public sealed class Campaign(string folder, int schedules, bool asExplore)
{
    private readonly string _program = Path.Combine(folder, "Livebed.Mutation.dll");
    private readonly string _survey = Path.Combine(folder, "survey.json");
    private readonly ConcurrentBag<Verdict> _verdicts = [];

    /// <summary>Hunts all of them, so many at a time.</summary>
    /// <exception cref="InvalidOperationException">A process failed without a mutation.</exception>
    public IReadOnlyList<Verdict> Run(IReadOnlyList<Mutation> mutations, int processes)
    {
        using (var survey = Start("survey", _survey)) survey.WaitForExit();
        if (!File.Exists(_survey)) throw new InvalidOperationException("the scenarios could not be played without a mutation");
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
            var order = Path.Combine(folder, $"share-{index}.json");
            File.WriteAllText(order, JsonSerializer.Serialize(new HuntOrder(left, [.. _verdicts], schedules, _survey, asExplore)));
            var last = RunChild(order);
            var done = left.FindIndex(mutation => mutation.Key == last);
            if (done < 0) throw new InvalidOperationException($"the hunting process of share {index} said nothing");
            left = left[(done + 1)..];
        }
    }

    /// <returns>the key of the last mutation that it came to</returns>
    private string? RunChild(string order)
    {
        using var child = Start("hunt", order);
        string? current = null;
        var isJudged = true;
        while (child.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith("begin ", StringComparison.Ordinal)) (current, isJudged) = (line[6..], false);
            if (!line.StartsWith("end ", StringComparison.Ordinal)) continue;
            Add(JsonSerializer.Deserialize<Verdict>(line[4..])!);
            isJudged = true;
        }

        child.WaitForExit();
        if (current is not null && !isJudged) Add(new Verdict(current, "the end of its process", "", 0));
        return current;
    }

    private void Add(Verdict verdict)
    {
        _verdicts.Add(verdict);
        var fate = verdict.KilledBy is null ? "SURVIVED" : $"killed by {verdict.KilledBy}";
        Console.WriteLine($"{verdict.Key}  {fate} {verdict.Scenario} {verdict.Schedule} ({verdict.Schedules})");
    }

    private Process Start(params string[] order) =>
        Process.Start(new ProcessStartInfo("dotnet", [_program, .. order]) { RedirectStandardOutput = true })!;
}
