using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>A host with small pages, and the words in which the tests speak to it. RAM lies at 0x100, read-only memory at 0x200, scratch at
/// 0x300.</summary>
internal sealed class HostRig
{
    public const int PageSize = 64;
    public static readonly Hva Ram = new(0x100);
    public static readonly Hva ReadOnly = new(0x200);
    public static readonly Hva Scratch = new(0x300);
    public const int RamPages = 32;

    private readonly OperationIds _ids;

    public HostRig(TestWorld world, int frames = 256, Mutant? mutant = null, int addressSpaces = 1, int origin = 0)
    {
        World = world;
        _ids = new OperationIds(origin);
        Host = new HostMmu(world, $"host-{origin}", frames, PageSize, mutant);
        for (var id = 0; id < addressSpaces; id++)
            Host.CreateAddressSpace(new AddressSpaceSpec(id,
            [
                new VmaSpec(new HvaRange(Ram, RamPages), VmaKind.Ram, Mergeable: true),
                new VmaSpec(new HvaRange(ReadOnly, 4), VmaKind.Hotplug, Writable: false),
                new VmaSpec(new HvaRange(Scratch, 8), VmaKind.Scratch),
            ]));
        Mm = Host.Find(0)!;
    }

    public TestWorld World { get; }
    public HostMmu Host { get; }
    public AddressSpace Mm { get; }
    public IReadOnlyList<string> Violations => [.. World.Recorded.Violations.Select(violation => violation.Invariant)];

    public Operation Op(OperationKind? kind = null) => new(_ids.Next(), kind ?? OperationKind.Fault);

    public Pte PteAt(Hva hva, int mm = 0) => Host.Find(mm)!.Find(hva)!.PteAt(hva);

    /// <summary>Faults a page in and gives the reference back at once, as KVM does.</summary>
    public async Task<HostPage> TouchAsync(Hva hva, bool write, int mm = 0)
    {
        var page = await Host.Process(mm).FaultInAsync(Op(), hva, write);
        if (page.Status == HostPageStatus.Ok) await Host.Process(mm).PutPageAsync(Op(), page.Pfn);
        return page;
    }

    /// <summary>Faults a page in for write and writes to it as a guest.</summary>
    public async Task<Pfn> WriteAsync(Hva hva, ulong value, int mm = 0)
    {
        var page = await TouchAsync(hva, write: true, mm);
        Assert.Equal(HostPageStatus.Ok, page.Status);
        await ExecuteAsync(GuestAccessKind.Write, hva, page.Pfn, value, mm);
        return page.Pfn;
    }

    public async Task ReadAsync(Hva hva, int mm = 0)
    {
        var page = await TouchAsync(hva, write: false, mm);
        await ExecuteAsync(GuestAccessKind.Read, hva, page.Pfn, 0, mm);
    }

    public ValueTask<bool> ExecuteAsync(GuestAccessKind kind, Hva hva, Pfn pfn, ulong value = 0, int mm = 0) =>
        Host.Find(mm)!.GuestMemory.ExecuteAsync(new[] { new GuestAccess(new Gfn(hva.Value), hva, pfn, kind, value) });

    public static HostEventKind Event(string name) => (HostEventKind)OperationKinds.Find(name)!;

    public ValueTask<HostEventResult> RunAsync(HostEventKind kind, Hva start, long pages, long hold = 0, int mm = 0) =>
        Host.RunEventAsync(Op(kind), new HostEvent(kind, mm, new HvaRange(start, pages), hold));

    public ValueTask<HostEventResult> ScanAsync(int pages) => RunAsync(HostEventKind.KsmScan, default, pages);

    public ulong FirstWord(Pfn pfn) => Host.Frames.Words(pfn).First;
}
