using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>What a downtime is said to have been spent on adds up to it.</summary>
public sealed class DowntimePartsTests
{
    [Fact]
    public void A_part_is_what_the_guest_stood_for_since_the_last_one()
    {
        var parts = default(DowntimeParts).Until(DowntimePart.Sync, 5).Until(DowntimePart.Pages, 125).Until(DowntimePart.State, 125)
            .Until(DowntimePart.TakeOver, 391);
        Assert.Equal(new DowntimeParts(Sync: 5, Pages: 120, State: 0, TakeOver: 266), parts);
        Assert.Equal(391, parts.Sum);
    }

    /// <summary>The source takes the VM back before it came to the other parts.</summary>
    [Fact]
    public void Parts_that_it_did_not_come_to_are_nothing()
    {
        var parts = default(DowntimeParts).Until(DowntimePart.Sync, 5).Until(DowntimePart.TakeOver, 40);
        Assert.Equal(new DowntimeParts(5, 0, 0, 35), parts);
    }
}
