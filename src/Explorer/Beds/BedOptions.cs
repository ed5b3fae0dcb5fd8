using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Beds;

/// <summary>One host and its VMs, small enough that everything happens to the same few pages. Sizes are in pages, frames and
/// entries.</summary>
public sealed record BedOptions(string Protocol)
{
    public Mutant? Mutant { get; init; }
    public int Vcpus { get; init; }

    /// <summary>Accesses that a vCPU fetches of its guest at a time, at most.</summary>
    public int BatchAccesses { get; init; } = 8;

    /// <summary>Between one access of a scripted guest and the next; 0: at once.</summary>
    public long GuestPaceMicroseconds { get; init; }

    public int RamPages { get; init; } = 16;
    public int RamSlots { get; init; } = 2;

    /// <summary>Pages before and behind RAM that a scenario makes memslots of; TLBs have entries for them.</summary>
    public int PagesBesideRam { get; init; }

    public int HotplugPages { get; init; } = 4;

    /// <summary>VMs beside the scenario's own, without guests.</summary>
    public int OtherVms { get; init; }

    /// <summary>Whether others may run between the end of a fault in the VM and its arrival at the vCPU, as in the cluster: TLBs may be
    /// flushed meanwhile.</summary>
    public bool HasLateReplies { get; init; }

    /// <inheritdoc cref="VmOptions.CountersFrom"/>
    public ulong CountersFrom { get; init; }

    /// <summary>Frames of each host.</summary>
    public int Frames { get; init; } = 256;

    /// <summary>Two where a VM migrates.</summary>
    public int Hosts { get; init; } = 1;

    /// <summary>Bytes a second of the link from each host to the other; 0 for no limit, as in every scenario, since steps are no measure of
    /// bandwidth.</summary>
    public long LinkBandwidth { get; init; }

    /// <summary>Whether a host's machine may die; then what one asks of another goes on in a lane of its own.</summary>
    public bool MachinesDie { get; init; }

    /// <summary>How long the answer to a request to take over is on its way, at least, in microseconds.</summary>
    public long TakeOverAnswerMicroseconds { get; init; }

    /// <summary>Whether a destination takes its time to make the process of a VM that comes, and the source may give up waiting for
    /// it.</summary>
    public bool PreparesSlowly { get; init; }

    /// <summary>Decides which calls between user spaces, and to the inventory, arrive twice; 0 for none.</summary>
    public ulong RepeatsSeed { get; init; }

    /// <summary>Decides how long a host takes to store a page of post-copy and to count the pages that are missing; 0 for no time at
    /// all.</summary>
    public ulong SlowSeed { get; init; }

    /// <summary>How long the guests of a host that has a lease may run after it was last known to live.</summary>
    public long LeaseMicroseconds { get; init; }

    /// <summary>A new inventory asks the hosts from the last to the first.</summary>
    public bool ReportsBackwards { get; init; }

    public bool Mergeable { get; init; } = true;
    public bool SpinMmuLock { get; init; }
    public DirtyLogMode DirtyLog { get; init; }
    public int RingEntries { get; init; } = 128;
    public KvmArchitecture Architecture { get; init; }

    /// <summary>SPTEs a page of the second-level page table, a power of two; a zap may yield between two.</summary>
    public int SptesPerTable { get; init; } = 512;

    /// <summary>Whether the CPU has accessed bits; without, ageing takes SPTEs' permissions away.</summary>
    public bool HasAccessedBits { get; init; } = true;

    /// <summary>Retries after which a fault is a livelock (L1). Only retries during which no other lane progressed count.</summary>
    public int FaultRetriesMax { get; init; } = 400;

    /// <summary>Whether KVM's own memslots are made, which a destroyer that shares the address space deletes.</summary>
    public bool HasPrivateSlots { get; init; } = true;

    /// <summary>Whether each process also has a driver that refuses non-blockable ranges.</summary>
    public bool HasRefusingDriver { get; init; }

    /// <summary>Makes a protocol that is no preset.</summary>
    public Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol { get; init; }

    /// <summary>Something between the VM and its host.</summary>
    public Func<IHostPort, IHostPort>? HostPort { get; init; }
}
