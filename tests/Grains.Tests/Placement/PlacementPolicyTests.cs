using CsCheck;
using Livebed.Grains.Placement;

namespace Livebed.Grains.Tests.Placement;

public sealed class PlacementPolicyTests
{
    private static readonly Gen<(int Host, int Vm, int Vcpu, int Silos)> Layouts =
        Gen.Select(Gen.Int[0, 10_000], Gen.Int[0, 10_000], Gen.Int[0, 255], Gen.Int[1, 64]);

    [Theory]
    [InlineData("host-0", 3, 0)]
    [InlineData("host-4", 3, 1)]
    [InlineData("vm-7.0@host-0", 3, 1)]
    [InlineData("vm-7.0@host-2", 3, 0)]
    [InlineData("vm-7.0@host-0/vcpu-0", 3, 2)]
    [InlineData("vm-7.0@host-0/vcpu-1", 3, 0)]
    [InlineData("vm-7.0@host-0/vcpu-2", 3, 1)]
    [InlineData("vm-7.0@host-0/vcpu-5", 1, 0)]
    [InlineData("silo-1", 3, 1)]
    public void Spread_puts_host_vm_and_vcpus_one_after_the_other(string key, int silos, int expected) =>
        Assert.Equal(expected, PlacementPolicy.SiloIndex(ActorKeys.Parse(key), PlacementMode.Spread, silos));

    [Fact]
    public void Packed_keeps_a_vm_whole_on_the_silo_of_its_host() => Layouts.Sample((host, vm, vcpu, silos) =>
    {
        var home = PlacementPolicy.SiloIndex(ActorKeys.Parse(ActorKeys.Host(host)), PlacementMode.Packed, silos);
        Assert.Equal(host % silos, home);
        Assert.Equal(home, PlacementPolicy.SiloIndex(ActorKeys.Parse(ActorKeys.Vm(vm, 0, host)), PlacementMode.Packed, silos));
        Assert.Equal(home, PlacementPolicy.SiloIndex(ActorKeys.Parse(ActorKeys.Vcpu(vm, 0, host, vcpu)), PlacementMode.Packed, silos));
    });

    [Fact]
    public void Spread_puts_a_vm_apart_from_its_host_and_its_first_vcpu_as_soon_as_there_are_two_silos() =>
        Layouts.Where(layout => layout.Silos >= 2).Sample((host, vm, _, silos) =>
        {
            int SiloOf(string key) => PlacementPolicy.SiloIndex(ActorKeys.Parse(key), PlacementMode.Spread, silos);
            Assert.NotEqual(SiloOf(ActorKeys.Host(host)), SiloOf(ActorKeys.Vm(vm, 0, host)));
            Assert.NotEqual(SiloOf(ActorKeys.Vm(vm, 0, host)), SiloOf(ActorKeys.Vcpu(vm, 0, host, 0)));
        });

    [Fact]
    public void Spread_uses_every_silo_for_the_vcpus_of_a_vm_that_has_enough() => Layouts.Sample((host, vm, _, silos) =>
    {
        var used = Enumerable.Range(0, silos)
            .Select(vcpu => PlacementPolicy.SiloIndex(ActorKeys.Parse(ActorKeys.Vcpu(vm, 0, host, vcpu)), PlacementMode.Spread, silos));
        Assert.Equal(silos, used.Distinct().Count());
    });

    [Fact]
    public void The_largest_numbers_still_give_a_silo() => Assert.InRange(
        PlacementPolicy.SiloIndex(ActorKeys.Parse(ActorKeys.Vcpu(0, 0, int.MaxValue, int.MaxValue)), PlacementMode.Spread, 3), 0, 2);

    [Fact]
    public void Silos_are_ordered_by_number_and_not_by_letter() => Assert.Equal(
        ["silo-0", "silo-2", "silo-9", "silo-10"], new[] { "silo-10", "silo-9", "silo-0", "silo-2" }.Order(SiloOrder.ByName));

    [Fact]
    public void An_actor_goes_to_the_next_silo_when_its_own_leaves_and_no_other_actor_moves()
    {
        string? PlaceOf(string key, params string[] leaving) =>
            PlacementPolicy.SiloName(ActorKeys.Parse(key), PlacementMode.Packed, 4, silo => !leaving.Contains(silo));
        Assert.Equal("silo-2", PlaceOf("vm-1.0@host-2"));
        Assert.Equal("silo-3", PlaceOf("vm-1.0@host-2", "silo-2"));
        Assert.Equal("silo-0", PlaceOf("vm-1.0@host-2", "silo-2", "silo-3"));
        Assert.Equal("silo-3", PlaceOf("vm-1.0@host-3", "silo-2"));
        Assert.Null(PlaceOf("vm-1.0@host-3", "silo-0", "silo-1", "silo-2", "silo-3"));
    }
}
