using System.Globalization;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>The text of a hang for a reader.</summary>
internal static class HangWitness
{
    private const int MaxLines = 24;
    private const int MaxNames = 8;

    /// <summary>One line an operation of the cycle, the last one closing it.</summary>
    public static List<string> OfCycle(IReadOnlyList<ObservedWait> cycle, int behind)
    {
        var lines = new List<string>();
        for (var i = 0; i < cycle.Count && lines.Count < MaxLines; i++)
        {
            var (observed, before) = (cycle[i], cycle[(i + cycle.Count - 1) % cycle.Count]);
            var holds = HoldOf(before, observed.Wait.Waiter) is { } mode ? $" holds {Lock(before, mode)} and" : "";
            lines.Add(
                $"{Waiter(observed)}{holds} waits for {Lock(observed, observed.Wait.Mode)}, "
                    + $"{Duration(observed.Wait.WaitedMicroseconds)}, behind:");
        }

        if (cycle.Count > MaxLines) lines.Add($"... {cycle.Count - MaxLines} more, behind:");
        lines.Add($"{Waiter(cycle[0])}, where this began");
        if (behind > 0) lines.Add($"{behind} more operations wait behind these");
        return lines;
    }

    /// <summary>A cycle is easier to read if it begins at a holder and not in a queue.</summary>
    public static List<ObservedWait> FromAHolder(List<ObservedWait> cycle)
    {
        for (var i = 0; i < cycle.Count; i++)
            if (HoldOf(cycle[(i + cycle.Count - 1) % cycle.Count], cycle[i].Wait.Waiter) is not null) return [.. cycle[i..], .. cycle[..i]];
        return cycle;
    }

    public static string Waits(ObservedWait observed) =>
        $"{Waiter(observed)} waits for {Lock(observed, observed.Wait.Mode)}, {Duration(observed.Wait.WaitedMicroseconds)}";

    public static string Waiter(ObservedWait observed) => Name(observed.Wait.Waiter, observed.Wait.WaiterKind);

    public static string Name(OperationId operation, OperationKind kind) => $"{operation} ({kind})";

    public static string Names(IEnumerable<WaitBlocker> blockers)
    {
        var all = blockers.DistinctBy(blocker => blocker.Operation).ToList();
        var shown = string.Join(", ", all.Take(MaxNames).Select(blocker => Name(blocker.Operation, blocker.Kind)));
        return all.Count switch { 0 => "no operation", <= MaxNames => shown, _ => $"{shown} and {all.Count - MaxNames} more" };
    }

    public static string Lock(ObservedWait observed, LockMode mode)
    {
        var place = observed.Actor == observed.Wait.Instance ? "" : $" (at {observed.Actor})";
        return $"{observed.Wait.LockClass} ({(mode == LockMode.Read ? "read" : "write")}) of {observed.Wait.Instance}{place}";
    }

    public static string Duration(long microseconds) => microseconds switch
    {
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1e6:0.0} s"),
        >= 1_000 => $"{microseconds / 1_000} ms",
        _ => $"{microseconds} us",
    };

    private static LockMode? HoldOf(ObservedWait waitsForIt, OperationId operation)
    {
        foreach (var blocker in waitsForIt.Wait.Blockers)
            if (blocker.Operation == operation && !blocker.Queued) return blocker.Mode;
        return null;
    }
}
