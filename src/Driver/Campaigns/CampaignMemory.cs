using Livebed.Kvm.Memslots;

namespace Livebed.Driver.Campaigns;

/// <summary>
/// Which host each VM lives on at first and the guest pages that a host must hold. VMs are numbered from 0 in the order of the file, each
/// of a count by itself; VM n begins on host n modulo the number of silos. The runner places by the same rule, so an accepted campaign
/// fits. It uses the same measure to choose the host that a VM migrates to.
/// </summary>
public static class CampaignMemory
{
    public static int HostOf(int vmOrdinal, int silos) => vmOrdinal % silos;

    /// <summary>Guest pages (RAM and hot-plug area) of one VM; pages that a campaign makes beside them (fork copies) are not
    /// counted.</summary>
    public static long PagesOf(VmSettings vm) => vm.RamPages + vm.HotplugPages;

    /// <summary>Without a dirty log a migration cannot know which pages to send again.</summary>
    public static bool Migrates(VmSettings vm) => vm.DirtyLog != DirtyLogMode.None;

    /// <summary>Guest pages by host at the start.</summary>
    public static long[] PagesPerHost(Campaign campaign)
    {
        var pages = new long[campaign.Silos];
        var ordinal = 0;
        foreach (var vm in campaign.Vms)
        {
            for (var i = 0; i < vm.Count; i++)
                pages[HostOf(ordinal++, campaign.Silos)] += PagesOf(vm);
        }

        return pages;
    }
}
