using Livebed.Explorer.Beds;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>Whole migrations in virtual time, over a link so slow that a step of the world, a microsecond, is nothing beside a
/// page.</summary>
internal static class VirtualMigrations
{
    public const int RamPages = 2_048;
    public const long LinkBandwidth = 50_000;

    /// <summary>VMs with content in every page, all from the first host to the second.</summary>
    public static MigrationInfo[] Run(int count, Func<int, MigrationParameters> parameters, Action<BedMigration>? atFirst = null)
    {
        var bed = new Bed(
            new BedOptions(ProtocolCatalog.ActiveCount)
            {
                Hosts = 2,
                RamPages = RamPages,
                Frames = 8_192,
                DirtyLog = DirtyLogMode.Bitmap,
                LinkBandwidth = LinkBandwidth,
            },
            seed: 1);
        var infos = new MigrationInfo[count];
        var result = bed.Run(async () =>
        {
            for (var index = 0; index < count; index++) await WriteAsync(bed, await bed.CreateVmAsync());
            var vms = bed.Vms.ToArray();
            await Bed.WhenAllAsync(vms.Select((vm, index) => bed.Spawn(OperationKind.Migration, async op =>
            {
                var migration = new BedMigration(bed, vm, parameters(index), bed.OtherHost(vm.Host));
                var ending = migration.RunAsync(op);
                atFirst?.Invoke(migration);
                infos[index] = await ending;
            })));
        });
        Assert.Equal(ScheduleOutcome.Completed, result.Outcome);
        Assert.Empty(bed.Violations(result));
        Assert.All(infos, info => Assert.Equal(MigrationStatus.Completed, info.Status));
        return infos;
    }

    private static async ValueTask WriteAsync(Bed bed, BedVm vm)
    {
        for (var page = 0; page < RamPages; page++)
            Assert.True(
                await vm.Vm.SoftwareWriter.WriteAsync(
                    bed.NewOperation(OperationKind.SoftwareWrite), vcpu: 0, BedVm.RamGfn(page), (ulong)(0xEE_0000_0000 + page + 1)));
    }
}
