using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

/// <summary>CPUs without accessed bits: ageing takes an SPTE's permissions away, and a fault gives them back.</summary>
public sealed class AccessTrackingTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_fast_page_fault_gives_back_what_ageing_took(bool write)
    {
        var bed = new Bed(new BedOptions("active-count") { HasAccessedBits = false }, seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            await vm.TouchAsync(BedVm.RamGfn(0), write: true);
            await bed.RunEventAsync(bed.NewOperation(HostEventKind.Ageing), vm.AddressSpaceId, BedVm.RamHva(0), 1);
            Assert.True(vm.Vm.Sptes.TryGet(BedVm.RamGfn(0), out var aged) && aged.IsAccessTracked && !aged.IsWritable);
            var before = vm.Vm.Counters.FastPageFaults;
            await vm.TouchAsync(BedVm.RamGfn(0), write);
            Assert.True(vm.Vm.Sptes.TryGet(BedVm.RamGfn(0), out var used) && !used.IsAccessTracked && used.IsWritable == write);
            Assert.Equal(before + 1, vm.Vm.Counters.FastPageFaults);
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }
}
