using CsCheck;
using Livebed.Grains.Placement;

namespace Livebed.Grains.Tests.Placement;

public sealed class ActorKeysTests
{
    [Theory]
    [InlineData("host-0", ActorRole.Host, 0, -1, -1, -1)]
    [InlineData("vm-3.1@host-0", ActorRole.Vm, 0, 3, 1, -1)]
    [InlineData("vm-3.1@host-12/vcpu-2", ActorRole.Vcpu, 12, 3, 1, 2)]
    [InlineData("silo-2", ActorRole.SiloProbe, 2, -1, -1, -1)]
    public void A_key_says_what_its_actor_is(string key, ActorRole role, int index, int vm, int incarnation, int vcpu) =>
        Assert.Equal(new ActorKey(role, index, vm, incarnation, vcpu), ActorKeys.Parse(key));

    [Theory]
    [InlineData("")]
    [InlineData("host-")]
    [InlineData("host-01")]
    [InlineData("host-+1")]
    [InlineData("host--1")]
    [InlineData("host- 1")]
    [InlineData("host-99999999999")]
    [InlineData("Host-1")]
    [InlineData("vm-1@host-0")]
    [InlineData("vm-1.2")]
    [InlineData("vm-1@2.host-0")]
    [InlineData("vm-1.2@host-0/")]
    [InlineData("vm-1.2@host-0/vcpu-")]
    [InlineData("vm-1.2@host-0/vcpu-1/vcpu-2")]
    [InlineData("vm-1.2@silo-0")]
    [InlineData("silo-0/vcpu-1")]
    public void A_text_that_names_no_actor_is_refused(string key)
    {
        Assert.False(ActorKeys.TryParse(key, out _));
        Assert.Contains("names no actor", Assert.Throws<FormatException>(() => ActorKeys.Parse(key)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_key_that_is_built_is_understood()
    {
        var number = Gen.Int[0, int.MaxValue];
        Gen.Select(number, number, number, number).Sample((vm, incarnation, host, vcpu) =>
        {
            Assert.Equal(new ActorKey(ActorRole.Vm, host, vm, incarnation), ActorKeys.Parse(ActorKeys.Vm(vm, incarnation, host)));
            Assert.Equal(
                new ActorKey(ActorRole.Vcpu, host, vm, incarnation, vcpu), ActorKeys.Parse(ActorKeys.Vcpu(vm, incarnation, host, vcpu)));
            Assert.Equal(new ActorKey(ActorRole.Host, host), ActorKeys.Parse(ActorKeys.Host(host)));
            Assert.Equal(new ActorKey(ActorRole.SiloProbe, host), ActorKeys.Parse(ActorKeys.Silo(host)));
        });
    }
}
