using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>Host memory events: a share falls outside of every memslot, the rest is drawn from the mix over guest RAM and hot-plug
/// memory.</summary>
internal sealed class HostEventSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    private const int ForkChildMicroseconds = 20_000;

    private readonly WeightedChoice<HostEventKind> _mix = new(
        campaign.HostEvents.Mix.Select(entry => (HostEventKind.Events.Single(kind => kind.Name == entry.Key), entry.Value)));

    public string Name => "host-event";
    public double Rate => campaign.HostEvents.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.Take(random, _ => true) is not { } slot) return null;
        var spurious = random.Chance(campaign.HostEvents.SpuriousShare);
        // A held range stays one wherever it falls: its point is how long it is open.
        var drawn = _mix.Draw(random);
        var kind = spurious && drawn != HostEventKind.HeldRange ? HostEventKind.Spurious : drawn;
        var pages = 1 + random.Next(campaign.HostEvents.MaxPages);
        var range = spurious ? Draw(random, VmLayout.ScratchHva, Fleet.ScratchPages, pages) : DrawGuest(random, slot.Settings, pages);
        var hold = (long)campaign.HostEvents.Hold.TotalMicroseconds;
        var memoryEvent = new HostEvent(kind, slot.AddressSpaceId, range, hold)
        {
            ChildMicroseconds = ForkChildMicroseconds,
            Inner = range.Start + random.Next(range.Pages),
        };
        var host = slot.HostGrain;
        return new PreparedOperation(
            kind, op => kind == HostEventKind.HeldRange ? HoldAsync(host, op, memoryEvent) : RunAsync(host, op, memoryEvent))
        {
            Subject = new(slot.Index, Hvas: range),
        };
    }

    private static async Task<OperationResult> RunAsync(IHostMmuGrain host, OperationMessage op, HostEvent memoryEvent)
    {
        var result = await host.RunEventAsync(op, memoryEvent);
        return OperationResult.Of(
            result.Status is HostEventStatus.Done or HostEventStatus.NothingToDo,
            $"{memoryEvent.Range}: {result.Status}, {result.Pages} pages");
    }

    private static async Task<OperationResult> HoldAsync(IHostMmuGrain host, OperationMessage op, HostEvent memoryEvent)
    {
        var opened = await host.OpenRangeAsync(op, memoryEvent);
        if (opened.Status != HostEventStatus.Done) return OperationResult.Of(false, $"{memoryEvent.Range}: {opened.Status}");
        await Task.Delay(TimeSpan.FromMicroseconds(memoryEvent.HoldMicroseconds));
        var closed = await host.CloseRangeAsync(op);
        return OperationResult.Of(true, $"{memoryEvent.Range}: {closed.Status}, {closed.Pages} pages");
    }

    private static HvaRange DrawGuest(SeededRandom random, VmSettings settings, int pages)
    {
        var all = settings.RamPages + settings.HotplugPages;
        return settings.HotplugPages > 0 && random.Next(all) >= settings.RamPages
            ? Draw(random, VmLayout.HotplugHva, settings.HotplugPages, pages)
            : Draw(random, VmLayout.RamHva, settings.RamPages, pages);
    }

    private static HvaRange Draw(SeededRandom random, Hva start, long length, long pages)
    {
        pages = Math.Min(pages, length);
        return new HvaRange(start + random.Next(length - pages + 1), pages);
    }
}
