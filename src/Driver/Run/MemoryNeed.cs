using Livebed.Driver.Campaigns;

namespace Livebed.Driver.Run;

/// <summary>
/// What the VMs of a campaign take of the process's memory before a guest has touched a page: their actors, locks and TLBs. `bench scale`
/// measures it. A run that would end when memory does is refused before anything starts.
/// </summary>
internal static class MemoryNeed
{
    /// <summary>Of a VM, without its vCPUs.</summary>
    private const long BytesPerVm = 60_000;

    /// <summary>Of a vCPU with its grain, batches and latencies, without its TLB.</summary>
    private const long BytesPerVcpu = 80_000;

    private const long BytesPerTlbEntry = 32;

    /// <summary>The silos and what a run keeps.</summary>
    private const long BytesOfBed = 300_000_000;

    public static long BytesOf(Campaign campaign) => BytesOfBed + campaign.Vms.Sum(
        vm => vm.Count * (BytesPerVm + vm.Vcpus * (BytesPerVcpu + vm.TlbEntries * BytesPerTlbEntry)));

    /// <summary>What the user reads when the VMs do not fit; null when they do.</summary>
    /// <param name="campaign">what is to run</param>
    /// <param name="available">bytes that the machine, or its limit, gives the process; 0 where that is not known</param>
    public static string? ProblemOf(Campaign campaign, long available)
    {
        var (needed, vms) = (BytesOf(campaign), campaign.Vms.Sum(vm => (long)vm.Count));
        return available == 0 || needed <= available ? null : FormattableString.Invariant(
            $"vms: {vms} VMs take about {needed >> 20}MiB before a guest has run, and there are {available >> 20}MiB; ")
            + "allowed: fewer VMs or vCPUs, smaller tlbEntries, or a machine with more memory";
    }
}
