using Livebed.Kvm.Host;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Vms;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>One host and its VMs, small enough that everything happens to the same few pages.</summary>
internal sealed record SimBedOptions(string Protocol)
{
    public Mutant Mutant { get; init; }
    public int Vcpus { get; init; }
    public int RamPages { get; init; } = 16;
    public int RamSlots { get; init; } = 2;
    public int HotplugPages { get; init; } = 4;
    public int Frames { get; init; } = 256;
    public bool Mergeable { get; init; } = true;
    public bool SpinMmuLock { get; init; }
    public DirtyLogMode DirtyLog { get; init; }
    public int RingEntries { get; init; } = 128;

    /// <summary>Whether each process also has a driver that refuses non-blockable ranges.</summary>
    public bool HasRefusingDriver { get; init; }

    /// <summary>Makes a protocol that is no preset.</summary>
    public Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol { get; init; }

    /// <summary>Something between the VM and its host.</summary>
    public Func<IHostPort, IHostPort>? HostPort { get; init; }
}
