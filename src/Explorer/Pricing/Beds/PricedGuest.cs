using Livebed.Kvm.Guests;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Beds;

/// <summary>
/// A guest that works for a while, then touches the next page of its own part of RAM, and so on. How long it works is drawn evenly between
/// nothing and twice the mean, so that vCPUs do not march in step. Its halves are even when it comes to the end of its part: it begins
/// again there, or halts.
/// </summary>
public sealed class PricedGuest : IPacedGuestProgram
{
    private readonly SeededRandom _random;
    private readonly long _first;
    private readonly long _pages;
    private readonly long _meanNanoseconds;
    private readonly ulong _token;
    private readonly long _accessesMax;

    /// <param name="random">for the times</param>
    /// <param name="vcpu">whose part of RAM it is</param>
    /// <param name="pages">of the part</param>
    /// <param name="meanNanoseconds">of work between two accesses</param>
    /// <param name="accessesMax">after so many it halts</param>
    public PricedGuest(SeededRandom random, int vcpu, long pages, long meanNanoseconds, long accessesMax = long.MaxValue)
    {
        _random = random;
        (_first, _pages, _meanNanoseconds, _accessesMax) = (vcpu * pages, pages, meanNanoseconds, accessesMax);
        _token = (ulong)(vcpu + 1) << 40;
    }

    /// <summary>Share of accesses that only read, in percent.</summary>
    public int ReadPercent { get; init; }

    public bool IsOver => AccessesHandedOut >= _accessesMax;
    public long BehindMicroseconds => 0;
    public long NextDueMicroseconds => 0;
    public long AccessesHandedOut { get; private set; }

    /// <summary>Of the work before the access that comes next.</summary>
    public long NextWork() => _meanNanoseconds == 0 ? 0 : _random.Next(2 * _meanNanoseconds + 1);

    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        if (IsOver) return 0;
        var gfn = VmLayout.RamGfn + (_first + AccessesHandedOut % _pages);
        var reads = ReadPercent > 0 && _random.Next(100) < ReadPercent;
        operations[0] = new GuestOperation(
            gfn, reads ? GuestAccessKind.Read : GuestAccessKind.Write, _token + (ulong)++AccessesHandedOut);
        return 1;
    }

    public GuestState Save() => throw new NotSupportedException("a priced guest does not migrate");

    public void Dispose()
    {
    }
}
