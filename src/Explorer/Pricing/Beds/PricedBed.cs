using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Beds;

/// <summary>A VM on a host, and what it is made of; sizes in pages.</summary>
public sealed record PricedBedOptions(string Protocol, PriceList Prices, int Vcpus, int Cpus, int Nodes)
{
    public Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol { get; init; }
    public bool SpinMmuLock { get; init; }
    public DirtyLogMode DirtyLog { get; init; }
    public int RamPages { get; init; } = 1;

    /// <summary>Pages that user space may plug and unplug.</summary>
    public int HotplugPages { get; init; } = 16;

    /// <summary>Memory of the process outside of every memslot.</summary>
    public int ScratchPages { get; init; } = 16;

    /// <summary>Whether KSM may merge RAM.</summary>
    public bool IsMergeable { get; init; }

    /// <summary>Whether the host has RAM's pages before the scene begins, as with huge pages that are reserved.</summary>
    public bool IsPopulated { get; init; } = true;

    /// <summary>Whether every page of RAM has an SPTE before the scene begins.</summary>
    public bool MapsAll { get; init; }
}

/// <summary>
/// One host with one VM in the priced world, wired by plain calls, and what is measured there. What the model has no step for is charged in
/// the ports: exits, page walks, calls of the notifier, the host's own TLB flushes. The host's lookup tries the path without locks first,
/// as <c>hva_to_pfn</c> does. Memory is populated, if at all, while the scene is set up.
/// </summary>
public sealed class PricedBed
{
    private const int PageSize = 64;
    private const int AddressSpaceId = 1;
    private const int TlbEntries = 64;
    private const string VmName = "vm-1";

    private readonly OperationIds _ids = new(0);
    private readonly PricedBedOptions _options;
    private int _halted;

    public PricedBed(PricedBedOptions options)
    {
        _options = options;
        World = new PricedWorld(options.Prices, options.Cpus, options.Nodes);
        var pages = options.RamPages + options.HotplugPages + options.ScratchPages;
        Host = new HostMmu(World, "host-0", pages + pages / 4 + 64, PageSize, mutant: null);
        Process = Host.Process(AddressSpaceId);
        Host.CreateAddressSpace(new AddressSpaceSpec(AddressSpaceId,
        [
            new VmaSpec(new HvaRange(VmLayout.RamHva, options.RamPages), VmaKind.Ram, options.IsMergeable),
            new VmaSpec(new HvaRange(VmLayout.HotplugHva, options.HotplugPages), VmaKind.Hotplug),
            new VmaSpec(new HvaRange(VmLayout.ScratchHva, options.ScratchPages), VmaKind.Scratch),
        ]));
        Vm = new Vm(
            World, new VmOptions(VmName, 1, options.Protocol, SpinMmuLock: options.SpinMmuLock, DirtyLog: options.DirtyLog),
            new PricedHostPort(this), options.CustomProtocol);
        PricedWorld.SetUp(SetUpAsync());
    }

    public PricedWorld World { get; }
    public HostMmu Host { get; }
    public HostProcess Process { get; }
    public Vm Vm { get; }
    public List<PricedThread> VcpuThreads { get; } = [];
    public List<Vcpu> Vcpus { get; } = [];

    /// <summary>From the guest's access to its end, without those that a page walk answers.</summary>
    public LatencyRecord Faults { get; } = new(PricedResult.FaultMean);

    /// <summary>What KVM's callbacks take of a range, start and end together.</summary>
    public LatencyRecord Notifications { get; } = new(PricedResult.Notification);

    /// <summary>The whole call that changed memory.</summary>
    public LatencyRecord HostEvents { get; } = new(PricedResult.EventMean);

    public LatencyRecord MemslotUpdates { get; } = new(PricedResult.UpdateMean);

    /// <summary>When the memslot update that is under way began; null when none is.</summary>
    public long? UpdatesSince { get; private set; }

    /// <summary>Called when the last guest has nothing left to do.</summary>
    public Action? AllHalted { get; set; }

    public Operation NewOperation(OperationKind kind) => new(_ids.Next(), kind);

    /// <summary>Adds a vCPU that runs this guest from <paramref name="delay"/> nanoseconds on.</summary>
    public void AddVcpu(PricedGuest guest, long delay)
    {
        var index = Vcpus.Count;
        var memory = new PricedGuestMemory(World, Host.Find(AddressSpaceId)!.GuestMemory, guest);
        var vcpu = new Vcpu(
            World, new VcpuOptions(index, TlbEntries, BatchAccesses: 1), $"{VmName}/{index}", 1, new PricedVmPort(this), memory, guest);
        Vcpus.Add(vcpu);
        VcpuThreads.Add(World.Start($"vcpu-{index}", RunAsync, delay));
        Vm.Vcpus.Add(new PricedVcpuPort(World, vcpu, VcpuThreads[index], isFirst: index == 0));

        async ValueTask RunAsync()
        {
            await vcpu.RunAsync();
            if (++_halted == Vcpus.Count) AllHalted?.Invoke();
        }
    }

    /// <summary>User space changes a memslot: KVM_SET_USER_MEMORY_REGION.</summary>
    public async ValueTask SetMemslotAsync(OperationKind kind, MemslotChange change)
    {
        World.Charge(Price.SystemCall);
        await World.PointAsync(SchedulingPoint.Call);
        var start = World.Now;
        UpdatesSince = MemslotUpdates.Enter(start);
        await Vm.MemslotUpdates.SetAsync(NewOperation(kind), change);
        await World.PointAsync(SchedulingPoint.Call);
        UpdatesSince = null;
        MemslotUpdates.Leave(World.Now);
        MemslotUpdates.Add(World.Now - start);
    }

    /// <summary>The VMM's or the host's change of the process's memory, as a system call.</summary>
    public async ValueTask RunEventAsync(HostEvent ev)
    {
        World.Charge(Price.SystemCall);
        await World.PointAsync(SchedulingPoint.Call);
        var start = HostEvents.Enter(World.Now);
        await Host.RunEventAsync(NewOperation(ev.Kind), ev);
        await World.PointAsync(SchedulingPoint.Call);
        HostEvents.Leave(World.Now);
        HostEvents.Add(World.Now - start);
    }

    /// <summary>The VMM itself uses a page of the process's memory.</summary>
    public async ValueTask TouchAsync(Hva hva)
    {
        if (!Process.TryFaultInFast(hva, write: true, out var page))
        {
            World.Charge(Price.GupSlow);
            page = await Process.FaultInAsync(NewOperation(OperationKind.SoftwareWrite), hva, write: true);
        }

        if (page.Status == HostPageStatus.Ok) Host.Frames.Put(page.Pfn);
    }

    private async ValueTask SetUpAsync()
    {
        var op = NewOperation(OperationKind.VmCreate);
        await Vm.Host.RegisterNotifierAsync(op, Vm.Notifier);
        await Vm.Teardown.CreatePrivateSlotsAsync(op);
        await Vm.MemslotUpdates.SetAsync(
            op, new MemslotChange(0, VmLayout.RamGfn, _options.RamPages, VmLayout.RamHva, MemslotFlags.None));
        for (var page = 0; page < _options.RamPages && _options.IsPopulated; page++) await TouchAsync(VmLayout.RamHva + page);
        for (var page = 0; page < _options.RamPages && _options.MapsAll; page++)
            await Vm.Faults.HandleAsync(op, 0, VmLayout.RamGfn + page, write: true);
    }
}
