using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.DirtyLog;

/// <summary>A guest that always has something to do: reads and writes over RAM, hot-plug memory (plugged or not) and, rarely, MMIO. Some of
/// what it writes is repeated, so that KSM has work.</summary>
internal sealed class RandomGuest(BedOptions options, ulong seed, int ordinal, int vcpu) : IPacedGuestProgram
{
    private readonly SeededRandom _random = new(seed);
    private ulong _sequence;

    public long BehindMicroseconds => 0;
    public long AccessesHandedOut => 0;
    public long NextDueMicroseconds => 0;

    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        for (var i = 0; i < operations.Length; i++)
        {
            var write = _random.Chance(0.5);
            operations[i] = new GuestOperation(Target(), write ? GuestAccessKind.Write : GuestAccessKind.Read, write ? Value() : 0);
        }

        return operations.Length;
    }

    public GuestState Save() => throw new NotSupportedException("no swarm moves its guests");

    public void Dispose()
    {
    }

    private Gfn Target() => _random.Next(20) switch
    {
        0 => new Gfn(_random.Next(4)),
        < 4 => VmLayout.HotplugGfn + _random.Next(options.HotplugPages),
        4 => VmLayout.HotplugGfnMoved + _random.Next(options.HotplugPages),
        _ => VmLayout.RamGfn + _random.Next(options.RamPages),
    };

    private ulong Value() => _random.Next(4) switch
    {
        0 => 0,
        1 => (0xFFFFUL << 48) | 7,
        _ => ((ulong)ordinal << 48) | ((ulong)vcpu << 40) | ++_sequence,
    };
}
