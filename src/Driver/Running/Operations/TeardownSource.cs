using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>
/// VMs that are destroyed and re-created: by either path, or both at once. A share of them is destroyed while a range is open, so that its
/// end finds no subscriber; a share by a destroyer inside the VM's own process.
/// </summary>
internal sealed class TeardownSource(Campaign campaign, Fleet fleet, ReportLedger reports, Supervisor supervisor, OperationIds ids)
    : IOperationSource
{
    /// <summary>How long the open range outlives the beginning of the teardown: long enough for unregister to come in between.</summary>
    private static readonly TimeSpan RangeOutlives = TimeSpan.FromMilliseconds(60);

    private static readonly TeardownOrder[] AnyPath = [TeardownOrder.VmFirst, TeardownOrder.AddressSpaceFirst, TeardownOrder.AtOnce];

    public string Name => OperationKind.VmDestroy.Name;
    public double Rate => campaign.Teardowns.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        var slot = fleet.Take(random, candidate =>
        {
            // A destroy waits for the VM's migration to end, or cancels it.
            if (candidate.Migrates) return false;
            candidate.IsUp = false;
            return true;
        });
        if (slot is null) return null;
        var order = OrderOf(random);
        if (order == TeardownOrder.VmFirst && random.Chance(campaign.Teardowns.SharesAddressSpace)) order = TeardownOrder.VmFirstShared;
        var insideRange = random.Chance(campaign.Teardowns.InsideRange);
        return new PreparedOperation(OperationKind.VmDestroy, op => RunAsync(slot, order, insideRange, op)) { Subject = new(slot.Index) };
    }

    private TeardownOrder OrderOf(SeededRandom random) => campaign.Teardowns.Path switch
    {
        TeardownPath.VmFirst => TeardownOrder.VmFirst,
        TeardownPath.MmFirst => TeardownOrder.AddressSpaceFirst,
        _ => AnyPath[random.Next(AnyPath.Length)],
    };

    private async Task<OperationResult> RunAsync(VmSlot slot, TeardownOrder order, bool insideRange, OperationMessage op)
    {
        var closing = insideRange ? await OpenAsync(slot) : Task.CompletedTask;
        var last = await slot.Grain.DestroyAsync(op, order);
        foreach (var report in last)
        {
            supervisor.Take(report);
            reports.Retire(report, isTeardown: true);
        }

        await closing;
        fleet.Release(() => slot.Exists = false);
        var what = $"{slot.Key}: {order}{(insideRange ? ", inside a range" : "")}";
        await fleet.CreateAsync(slot);
        return OperationResult.Of(true, what);
    }

    /// <summary>Opens a range over guest RAM and returns the task that will close it.</summary>
    private async Task<Task> OpenAsync(VmSlot slot)
    {
        var op = OperationMessage.From(new Operation(ids.Next(), HostEventKind.HeldRange));
        var host = slot.HostGrain;
        var opened = await host.OpenRangeAsync(
            op, new HostEvent(HostEventKind.HeldRange, slot.AddressSpaceId, new HvaRange(VmLayout.RamHva, 1)));
        return opened.Status == HostEventStatus.Done ? CloseAsync(host, op) : Task.CompletedTask;
    }

    private static async Task CloseAsync(IHostMmuGrain host, OperationMessage op)
    {
        await Task.Delay(RangeOutlives);
        await host.CloseRangeAsync(op);
    }
}
