using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.CampaignFiles;

/// <summary>What `--set` changes, and what it leaves.</summary>
public sealed class OverrideTests
{
    [Fact]
    public void A_set_key_replaces_the_file_s()
    {
        var campaign = Read("silos: 2\nvms:\n  - vcpus: 2\n  - vcpus: 3\n", "silos=4", "vms.1.vcpus=5", "vms.0.guest.order=sequential");
        Assert.Equal((4, 2, 5), (campaign.Silos, campaign.Vms[0].Vcpus, campaign.Vms[1].Vcpus));
        Assert.Equal(AccessOrder.Sequential, campaign.Vms[0].Guest.Order);
    }

    [Fact]
    public void A_set_weight_changes_that_one_of_the_default_mix()
    {
        var mix = Read("vms: [{}]\n", "hostEvents.mix.fork=9").HostEvents.Mix;
        Assert.Equal((9.0, 1.0, 0.0), (mix["fork"], mix["unmap"], mix["nested-range"]));
    }

    [Fact]
    public void A_mix_in_a_file_stands_alone_and_a_set_weight_adds_to_it()
    {
        var mix = Read("hostEvents: { mix: { unmap: 2 } }\nvms: [{}]\n", "hostEvents.mix.fork=9").HostEvents.Mix;
        Assert.Equal([("fork", 9.0), ("unmap", 2.0)], mix.Select(pair => (pair.Key, pair.Value)));
    }

    [Fact]
    public void A_value_may_hold_an_equals_sign() => Assert.Equal("a=b", Read("vms: [{}]\n", "description=a=b").Description);

    [Fact]
    public void Setting_the_VMs_of_a_file_without_any_is_refused()
    {
        var refused = Assert.Throws<UsageException>(() => Read("name: a\n", "vms.0.vcpus=1"));
        Assert.StartsWith("--set vms.0.vcpus=1: vms: is a section, not a list", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_are_not_given_come_from_the_file_and_the_number()
    {
        var campaign = Read("vms: [{}, {}]\n");
        Assert.Equal(("c", "vm0", "vm1"), (campaign.Name, campaign.Vms[0].Name, campaign.Vms[1].Name));
    }

    [Fact]
    public void Pages_are_counted_on_the_host_of_each_VM()
    {
        var campaign = Read("silos: 2\nvms:\n  - { count: 3, guest: { bytesPerVcpu: 8KiB }, vcpus: 2, hotplugPages: 1 }\n");
        Assert.Equal([10, 5], CampaignMemory.PagesPerHost(campaign));
    }

    private static Campaign Read(string yaml, params string[] sets)
    {
        using var folder = new TemporaryFolder();
        var reader = new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1);
        return reader.Read(folder.Write("c.yaml", yaml), [.. sets.Select(Override.Parse)]);
    }
}
