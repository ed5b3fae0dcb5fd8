using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.SamePageMerging;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The primary MMU of one host: its frames, its processes' address spaces, and everything that changes their page tables
/// (kvm-protocol 1.1, 2.0, 6, 7). One object is one actor: its methods run one turn at a time and interleave at awaits. The exception is
/// <see cref="GuestMemory"/>, which vCPU threads call directly.
/// It knows VMs only as notifier subscribers. Each method names the address space by number; a number that is not
/// there is an address space that is gone.
/// </summary>
public sealed class HostMmu
{
    private readonly HostState _host;
    private readonly PageFault _faults;
    private readonly UserMemory _userMemory;
    private readonly LiveOperationSet _live = new();

    [Untracked("its entries have no state")]
    private Dictionary<int, HostProcess>? _processes;

    /// <param name="world">the world it runs in</param>
    /// <param name="name">for witnesses: "host-0"</param>
    /// <param name="frames">frames of memory; as many swap slots</param>
    /// <param name="pageSize">bytes a frame, see <see cref="FramePool"/></param>
    /// <param name="mutant">the defect switched on, if any</param>
    public HostMmu(IWorld world, string name, int frames, int pageSize, Mutant? mutant)
    {
        _host = new HostState(world, name, frames, pageSize, mutant);
        _faults = new PageFault(_host, _live);
        _userMemory = new UserMemory(_host, _faults);
        HeldRanges = new HeldRange(_host, _live);
        Ksm = new Ksm(_host, _faults);
        Mappings = new MappingChanges(_host);
        Streams = new HostStreams(_host, _faults);
        Ageing = new Ageing(_host);
        Spurious = new Spurious(_host);
    }

    public string Name => _host.Name;
    public LockDomain Locks => _host.Locks;
    public FramePool Frames => _host.Frames;
    public HostCounters Counters => _host.Counters;
    public GuestFence Fence => _host.Fence;
    public Ksm Ksm { get; }

    /// <summary>Pages that go to other hosts and come from them: migration.</summary>
    public HostStreams Streams { get; }

    /// <summary>munmap, mprotect and mremap with what they leave behind: scripts use them.</summary>
    public MappingChanges Mappings { get; }

    internal HeldRange HeldRanges { get; }
    internal Ageing Ageing { get; }
    internal Spurious Spurious { get; }

    /// <summary>Operations that run here now, held ranges among them.</summary>
    public IReadOnlyCollection<OperationId> LiveOperations => _live.Ids;

    public HostUsage Usage => new(
        _host.Frames.InUse, _host.Swap.InUse, _host.OpenRanges, Subscriptions(), _host.AddressSpaces.Length,
        _host.MmStructs, _host.Folios.Count, _live.Ids.Count);

    /// <exception cref="ArgumentException">The number is taken, or the areas are not a set of disjoint ranges.</exception>
    public AddressSpace CreateAddressSpace(AddressSpaceSpec spec)
    {
        if (_host.Find(spec.Id) is not null)
            throw new ArgumentException($"{Name} has an address space {spec.Id} already", nameof(spec));
        var mm = new AddressSpace(_host, spec);
        _host.Add(mm);
        return mm;
    }

    /// <summary>The same on a host that may be full: null when it has not so much memory left to promise.</summary>
    public AddressSpace? TryCreateAddressSpace(AddressSpaceSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var pages = 0L;
        for (var i = 0; i < spec.Vmas.Count; i++) pages += spec.Vmas[i].Range.Pages;
        if (HasRoomFor(pages)) return CreateAddressSpace(spec);
        _host.World.Reached(ReachedCase.HostWasFull);
        return null;
    }

    /// <summary>Other programs take all memory that was not promised to processes, but so many pages. The next process that wants more is
    /// refused (-ENOMEM); those that are there keep what they have.</summary>
    public void Fill(long left) => _host.Committed.LimitTo(left);

    /// <summary>Those programs end.</summary>
    public void Relieve() => _host.Committed.Unlimit();

    /// <summary>Whether a process with so many pages of memory can begin.</summary>
    public bool HasRoomFor(long pages) => _host.Committed.HasRoomFor(pages);

    /// <summary>Null when there is none, or no longer.</summary>
    public AddressSpace? Find(int addressSpaceId) => _host.Find(addressSpaceId);

    /// <summary>The process with that address space, which may begin later and end before: host port and stream port.</summary>
    public HostProcess Process(int addressSpaceId)
    {
        _processes ??= [];
        if (!_processes.TryGetValue(addressSpaceId, out var process))
            _processes.Add(addressSpaceId, process = NewProcess(addressSpaceId, links: null));
        return process;
    }

    /// <summary>The same, for a migration that opens streams.</summary>
    /// <param name="addressSpaceId">the number of the address space</param>
    /// <param name="links">the link to an address space of another host, in the words of the world</param>
    public HostProcess Process(int addressSpaceId, Func<string, int, IPageLink> links) => NewProcess(addressSpaceId, links);

    /// <summary>Runs one host memory event to its end.</summary>
    /// <exception cref="ArgumentException">A figure is out of bounds.</exception>
    public async ValueTask<HostEventResult> RunEventAsync(Operation op, HostEvent ev)
    {
        Validate(ev);
        using var live = _live.Enter(op);
        if (ev.Kind == HostEventKind.KsmScan) return HostEventResult.Of(await Ksm.ScanAsync(op, ev.Range.Pages, ev.HoldMicroseconds));
        if (Find(ev.AddressSpaceId) is not { IsExiting: false } mm) return HostEventResult.NoAddressSpace;
        if (ev.Kind.Discards && mm.MustKeepContent(ev.Range)) return HostEventResult.Refused;
        mm.Grab();
        try
        {
            return await ev.Kind.Source!(this, _host).RunAsync(op, mm, ev);
        }
        finally
        {
            mm.Drop();
        }
    }

    /// <summary>The first half of a held range: when it returns Done the range is open, and the operation live,
    /// until <see cref="CloseRangeAsync"/>.</summary>
    public async ValueTask<HostEventResult> OpenRangeAsync(Operation op, HostEvent ev)
    {
        Validate(ev);
        if (Find(ev.AddressSpaceId) is not { IsExiting: false } mm) return HostEventResult.NoAddressSpace;
        using var live = _live.Enter(op);
        return await HeldRanges.OpenAsync(op, mm, ev);
    }

    /// <summary>The second half: changes what PTEs there still are, and ends the range. Harmless when the address space has exited, or when
    /// the operation holds no range.</summary>
    public async ValueTask<HostEventResult> CloseRangeAsync(Operation op)
    {
        using var live = _live.Enter(op);
        return await HeldRanges.CloseAsync(op);
    }

    private HostProcess NewProcess(int addressSpaceId, Func<string, int, IPageLink>? links) =>
        new(_host, _faults, _userMemory, _live, Streams, addressSpaceId, links);

    private int Subscriptions()
    {
        var subscriptions = 0;
        foreach (var mm in _host.AddressSpaces) subscriptions += mm.Subscriptions.Count;
        return subscriptions;
    }

    private static void Validate(HostEvent ev)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ev.Range.Pages, HostEvent.PagesMax, nameof(ev.Range));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (ulong)ev.HoldMicroseconds, (ulong)HostEvent.HoldMicrosecondsMax, nameof(ev.HoldMicroseconds));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (ulong)ev.ChildMicroseconds, (ulong)HostEvent.HoldMicrosecondsMax, nameof(ev.ChildMicroseconds));
    }
}
