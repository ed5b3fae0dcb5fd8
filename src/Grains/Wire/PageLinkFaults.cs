using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Wire;

/// <summary>
/// What the network does to the pages of one migration: chunks are late, each by its own time, so that one channel falls behind another;
/// and in post-copy the link breaks, with what is on its way. Called in the turns of the source's host.
/// </summary>
/// <param name="faults">what has been ordered</param>
/// <param name="record">writes a break down and makes it: it is given its identity, and what cuts the connections and says how many</param>
public sealed class PageLinkFaults(MigrationFaults faults, Func<OperationId, Func<int>, Task> record)
{
    private readonly SeededRandom _random = new(faults.Seed);
    private int _breaks;
    private int _carried;

    /// <summary>How late the next chunk is.</summary>
    public TimeSpan NextDelay() =>
        faults.JitterMicroseconds == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(_random.Next(faults.JitterMicroseconds));

    /// <summary>Whether the link breaks under this chunk.</summary>
    public bool Breaks(in ChunkHeader header)
    {
        if (header.Phase != StreamPhase.Postcopy || _breaks == faults.LinkBreaks.Count) return false;
        if (_carried++ < faults.LinkBreaks[_breaks]) return false;
        (_breaks, _carried) = (_breaks + 1, 0);
        return true;
    }

    /// <summary>The break that has just been found to come.</summary>
    public Task BreakAsync(Func<int> cut) =>
        record(faults.BreakOperations.Count < _breaks ? default : new OperationId(faults.BreakOperations[_breaks - 1]), cut);
}
