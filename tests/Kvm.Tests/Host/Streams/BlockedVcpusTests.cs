using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

public class BlockedVcpusTests
{
    private const int VmOrdinal = 3;

    private readonly BlockedVcpus _blocked = new(count: 2);

    [Fact]
    public void The_time_of_each_vCPU_is_its_own_and_that_of_the_guest_is_when_all_wait()
    {
        _blocked.Block(Fault(0), 100);
        _blocked.Block(Fault(1), 130);
        _blocked.Wake(Fault(0), 150);
        _blocked.Wake(Fault(1), 190);
        Assert.Equal([50L, 60L], _blocked.Blocktime.VcpuMicroseconds);
        Assert.Equal(20, _blocked.Blocktime.AllMicroseconds);
    }

    [Fact]
    public void While_one_vCPU_runs_the_guest_is_not_blocked()
    {
        _blocked.Block(Fault(0), 100);
        _blocked.Wake(Fault(0), 150);
        _blocked.Block(Fault(1), 160);
        _blocked.Wake(Fault(1), 190);
        Assert.Equal([50L, 30L], _blocked.Blocktime.VcpuMicroseconds);
        Assert.Equal(0, _blocked.Blocktime.AllMicroseconds);
    }

    [Fact]
    public void Waits_add_up()
    {
        for (var since = 0; since < 300; since += 100)
        {
            _blocked.Block(Fault(0), since);
            _blocked.Block(Fault(1), since + 10);
            _blocked.Wake(Fault(1), since + 30);
            _blocked.Wake(Fault(0), since + 40);
        }

        Assert.Equal([120L, 60L], _blocked.Blocktime.VcpuMicroseconds);
        Assert.Equal(60, _blocked.Blocktime.AllMicroseconds);
    }

    [Fact]
    public void Who_is_no_vCPU_counts_for_nothing()
    {
        Operation[] others =
        [
            new(new OperationIds(origin: 0).Next(), OperationKind.Fault), Fault(2),
            new(new OperationIds(OperationId.OriginOf(VmOrdinal, 0)).Next(), OperationKind.SoftwareWrite),
            new(new OperationIds(OperationId.OriginOf(VmOrdinal, OperationId.OfMigration)).Next(), OperationKind.Fault),
        ];
        foreach (var other in others) _blocked.Block(other, 100);
        foreach (var other in others) _blocked.Wake(other, 200);
        Assert.Equal([0L, 0L], _blocked.Blocktime.VcpuMicroseconds);
        Assert.Equal(0, _blocked.Blocktime.AllMicroseconds);
    }

    private static Operation Fault(int vcpu) => new(new OperationIds(OperationId.OriginOf(VmOrdinal, vcpu)).Next(), OperationKind.Fault);
}
