using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>What a host that is nearly full promises to processes.</summary>
public sealed class CommittedMemoryTests
{
    private readonly HostMmu _host = new(new TestWorld(), "host-0", frames: 8, pageSize: 64, mutant: null);

    [Fact]
    public void A_host_promises_without_a_limit_more_than_it_has() => Assert.NotNull(Begin(1, pages: 100));

    [Fact]
    public void A_full_host_refuses_what_it_has_no_memory_for_and_nothing_else()
    {
        Assert.NotNull(Begin(1, pages: 100));
        _host.Fill(left: 4);
        Assert.Null(Begin(2, pages: 5));
        Assert.NotNull(Begin(2, pages: 3));
        Assert.Null(Begin(3, pages: 2));
        Assert.NotNull(Begin(3, pages: 1));
        _host.Relieve();
        Assert.NotNull(Begin(4, pages: 100));
    }

    [Fact]
    public void Memory_of_a_process_that_was_there_can_be_promised_again_when_it_has_exited()
    {
        var world = new TestWorld();
        var host = new HostMmu(world, "host-0", frames: 8, pageSize: 64, mutant: null);
        Assert.NotNull(host.TryCreateAddressSpace(Spec(1, 4)));
        host.Fill(left: 0);
        Assert.False(host.HasRoomFor(1));
        world.Run(async () => await host.Process(1).ExitAsync(new Operation(new OperationId(1), OperationKind.AddressSpaceExit)));
        Assert.True(host.HasRoomFor(4));
        Assert.False(host.HasRoomFor(5));
    }

    private AddressSpace? Begin(int id, long pages) => _host.TryCreateAddressSpace(Spec(id, pages));

    private static AddressSpaceSpec Spec(int id, long pages) => new(id, [new VmaSpec(new HvaRange(new Hva(0x1000), pages), VmaKind.Ram)]);
}
