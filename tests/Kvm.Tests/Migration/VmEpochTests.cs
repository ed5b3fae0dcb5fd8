using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Tests.Migration;

public sealed class VmEpochTests
{
    [Fact]
    public void Hand_overs_are_counted_from_one_while_no_inventory_was_replaced()
    {
        Assert.Equal(2, VmEpoch.Next(VmEpoch.First, generation: 0));
        Assert.Equal(3, VmEpoch.Next(2, generation: 0));
    }

    /// <summary>An earlier inventory may have granted the same hand-over, and more after it.</summary>
    [Fact]
    public void A_later_inventory_grants_what_is_newer_than_all_that_an_earlier_one_has_granted()
    {
        var earlier = VmEpoch.Next(VmEpoch.Next(VmEpoch.Next(VmEpoch.First, 0), 2), 2);
        var later = VmEpoch.Next(VmEpoch.First, generation: 3);
        Assert.True(later > earlier);
        Assert.NotEqual(VmEpoch.Next(VmEpoch.First, 2), later);
    }

    [Fact]
    public void An_epoch_follows_the_one_before_whichever_inventory_granted_it()
    {
        Assert.True(VmEpoch.Follows(VmEpoch.Next(7, 0), 7));
        Assert.True(VmEpoch.Follows(VmEpoch.Next(7, 4), 7));
        Assert.False(VmEpoch.Follows(VmEpoch.Next(VmEpoch.Next(7, 4), 4), 7));
        Assert.False(VmEpoch.Follows(7, 7));
    }

    [Fact]
    public void The_generation_of_an_epoch_never_falls() => Assert.True(VmEpoch.Next(VmEpoch.Next(1, 9), 3) > VmEpoch.Next(1, 9));
}
