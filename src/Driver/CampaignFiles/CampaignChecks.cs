using System.Globalization;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;

namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// What must hold between the keys of a campaign: there are VMs, their traces can be read, their pages fit into the hosts, and work that
/// is asked for has something to work on. An error points to the key that would have to change.
/// </summary>
internal sealed class CampaignChecks(Campaign campaign, SectionSetting settings, TraceInspector inspectTrace)
{
    /// <summary>Throws the first problem; fills in where each trace is and how many pages each VM has.</summary>
    public void Run(Func<VmSettings, string?> findTrace)
    {
        if (campaign.Vms.Count == 0) throw Problem("vms", "there are no VMs", "a list of at least one VM");
        if (campaign.Vms.Sum(vm => (long)vm.Count) is > Campaign.VmsMax and var vms)
            throw Problem("vms", $"there are {vms} VMs", $"at most {Campaign.VmsMax}, counts included");
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < campaign.Vms.Count; i++)
        {
            var vm = campaign.Vms[i];
            var path = string.Create(CultureInfo.InvariantCulture, $"vms.{i}");
            for (var n = 0; n < vm.Count; n++)
            {
                if (!names.TryAdd(vm.NameOf(n), i))
                    throw Problem(
                        $"{path}.name", $"'{vm.NameOf(n)}' is also the name of a VM of vms.{names[vm.NameOf(n)]}", "each name once");
            }

            if (vm.Guest.ReplaysTrace) ResolveTrace(vm, $"{path}.guest.trace", findTrace);
            else SizeSynthetic(vm, $"{path}.guest.bytesPerVcpu");
            CheckVm(vm, path);
        }

        CheckMemory();
        CheckMigrations();
        CheckWork();
        CheckMinimum();
        CheckReached();
        CheckNemesis();
    }

    private void ResolveTrace(VmSettings vm, string path, Func<VmSettings, string?> findTrace)
    {
        const string Allowed = "a complete file of the format dirty-page-trace/1";
        vm.Guest.TracePath = findTrace(vm) ?? throw Problem(path, $"'{vm.Guest.Trace}' does not exist", Allowed);
        try
        {
            vm.RamPages = inspectTrace(vm.Guest.TracePath);
        }
        catch (TraceFormatException e)
        {
            throw Problem(path, $"the trace cannot be replayed: {e.Message}", Allowed);
        }
    }

    private void SizeSynthetic(VmSettings vm, string path)
    {
        if (vm.Guest.BytesPerVcpu % campaign.PageSize != 0)
            throw Problem(path, "is not a whole number of pages", $"a multiple of pageSize, {campaign.PageSize} bytes");
        vm.RamPages = vm.Vcpus * (vm.Guest.BytesPerVcpu / campaign.PageSize);
    }

    private void CheckVm(VmSettings vm, string path)
    {
        if (vm.Content.ZeroPercent + vm.Content.RepeatedPercent > 100)
        {
            throw Problem(
                $"{path}.content.repeatedPercent", $"is {vm.Content.RepeatedPercent}, and zeroPercent is {vm.Content.ZeroPercent}",
                "at most 100 together");
        }

        if (vm.Memslots > vm.RamPages)
            throw Problem($"{path}.memslots", $"is {vm.Memslots}, and the RAM has {vm.RamPages} pages", "at most one memslot a page");
    }

    private void CheckMemory()
    {
        if (campaign.FramesPerHost > FramePool.CapacityMax)
        {
            throw Problem(
                "memory", $"a host has {campaign.FramesPerHost} frames of {campaign.PageSize} bytes",
                $"at most {FramePool.CapacityMax} frames: less memory, or a larger pageSize");
        }

        var pages = CampaignMemory.PagesPerHost(campaign);
        var most = Array.IndexOf(pages, pages.Max());
        if (pages[most] <= campaign.FramesPerHost) return;
        throw Problem(
            "memory",
            $"the VMs of host {most} have {pages[most]} pages, and the host has {campaign.FramesPerHost} frames of {campaign.PageSize} "
                + $"bytes",
            $"memory of at least {pages[most] * campaign.PageSize >> 20}MiB and some more, more silos, or smaller VMs");
    }

    /// <summary>A migration needs a log, another host, and room there: that of the largest VM, beside those of the fullest host.</summary>
    private void CheckMigrations()
    {
        var migrations = campaign.Migrations;
        if (migrations.CpuThrottleInitial > migrations.MaxCpuThrottle)
        {
            throw Problem(
                "migrations.cpuThrottleInitial", $"is {migrations.CpuThrottleInitial}, and maxCpuThrottle is {migrations.MaxCpuThrottle}",
                "at most maxCpuThrottle");
        }

        if (migrations.Rate == 0) return;
        if (campaign.Silos < 2) throw Problem("migrations.rate", "there is no other host to migrate to", "0, or silos of at least 2");
        var largest = campaign.Vms.Where(CampaignMemory.Migrates).Select(CampaignMemory.PagesOf).DefaultIfEmpty(0).Max();
        if (largest == 0) throw Problem("migrations.rate", "no VM has a dirty log", "0, or a VM whose dirtyLog is not none");
        var needed = CampaignMemory.PagesPerHost(campaign).Max() + largest;
        if (needed <= campaign.FramesPerHost) return;
        throw Problem(
            "memory",
            $"a host has {campaign.FramesPerHost} frames of {campaign.PageSize} bytes, "
                + $"and the VMs of the fullest one and the largest that may come have {needed} pages",
            $"memory of at least {(needed * campaign.PageSize >> 20) + 1}MiB, more silos, or smaller VMs");
    }

    /// <summary>Work without an object would be a run that tests less than it says.</summary>
    private void CheckWork()
    {
        if (campaign.HostEvents is { Rate: > 0, SpuriousShare: < 1 } && campaign.HostEvents.Mix.Values.Sum() == 0)
            throw Problem("hostEvents.mix", "all weights are 0", "at least one weight above 0, or a spuriousShare of 1");
        if (campaign.MemslotUpdates.Rate > 0)
        {
            if (campaign.MemslotUpdates.Mix.Values.Sum() == 0)
                throw Problem("memslotUpdates.mix", "all weights are 0", "at least one weight above 0");
            if (campaign.Vms.TrueForAll(vm => vm.HotplugPages == 0))
                throw Problem("memslotUpdates.rate", "no VM has memory to plug", "0, or a VM with hotplugPages");
        }

        if (campaign.DirtyLog.Rate > 0 && campaign.Vms.TrueForAll(vm => vm.DirtyLog == DirtyLogMode.None))
            throw Problem("dirtyLog.rate", "no VM has a dirty log", "0, or a VM whose dirtyLog is not none");
        if (campaign.Ksm.Rate > 0 && campaign.Vms.TrueForAll(vm => !vm.Mergeable))
            throw Problem("ksm.rate", "no VM is mergeable", "0, or a VM that is mergeable");
    }

    /// <summary>A run that can only be `unknown` is not worth its time.</summary>
    private void CheckMinimum()
    {
        var (migrations, reads) = (campaign.Migrations, campaign.DirtyLog.Rate > 0 || campaign.Migrations.Rate > 0);
        (string Counter, bool IsDone, string Rate)[] needs =
        [
            ("memslotUpdates", campaign.MemslotUpdates.Rate > 0, "memslotUpdates.rate"),
            ("dirtyLogGets", reads, "dirtyLog.rate or migrations.rate"),
            ("dirtyPagesReported", reads, "dirtyLog.rate or migrations.rate"),
            ("ksmMerges", campaign.Ksm.Rate > 0, "ksm.rate"),
            ("ksmUnmerges", campaign.Ksm.Rate > 0, "ksm.rate"),
            ("migrationsCompleted", migrations.Rate > 0, "migrations.rate"),
            ("migrationsFailed", migrations.Rate > 0, "migrations.rate"),
            ("migrationsCancelled", migrations.Rate > 0, "migrations.rate"),
            ("teardowns", campaign.Teardowns.Rate > 0, "teardowns.rate"),
        ];
        foreach (var (counter, isDone, rate) in needs)
        {
            if (!isDone && campaign.Minimum.GetValueOrDefault(counter) > 0)
                throw Problem($"minimum.{counter}", "can never be reached, as nothing does it", $"0, or a {rate} above 0");
        }

        string[] ends = ["migrationsCompleted", "migrationsFailed", "migrationsCancelled"];
        if (migrations.Count > 0 && ends.Sum(end => campaign.Minimum.GetValueOrDefault(end)) > migrations.Count)
            throw Problem(
                "minimum.migrationsCompleted", $"can never be reached, as migrations.count is {migrations.Count}",
                $"at most {migrations.Count}, migrationsFailed and migrationsCancelled included");
    }

    /// <summary>As for the minimum: a case of what nothing does is never met.</summary>
    private void CheckReached()
    {
        (bool IsDone, string Rate, IReadOnlyList<ReachedCase> Cases)[] needs =
        [
            (campaign.Ksm.Rate > 0, "ksm.rate", [ReachedCase.PageMerged, ReachedCase.MergeGivenUp, ReachedCase.MergeBroken]),
            (campaign.MemslotUpdates.Rate > 0, "memslotUpdates.rate",
                [ReachedCase.FaultOnInvalidMemslot, ReachedCase.RangeOverInvalidMemslot, ReachedCase.RingFullInMove]),
            (campaign.Migrations.Rate > 0, "migrations.rate",
            [
                ReachedCase.PageDirtiedAgain, ReachedCase.GuestThrottled, ReachedCase.GuestWaitedForPage, ReachedCase.PageAskedEarly,
                ReachedCase.PageAskedOnItsWay, ReachedCase.LinkBrokeInPostcopy, ReachedCase.LinkRecovered, ReachedCase.CancelInSetup,
                ReachedCase.CancelInPrecopy, ReachedCase.CancelInSwitchover, ReachedCase.CancelInPostcopy, ReachedCase.CancelTooLate,
                ReachedCase.AbandonedWhilePreparing, ReachedCase.HandOverUnanswered, ReachedCase.ClaimUnanswered,
                ReachedCase.OfferedAgain, ReachedCase.HandOverKept, ReachedCase.LogStepMetMigration,
            ]),
        ];
        foreach (var (isDone, rate, cases) in needs)
            foreach (var one in cases)
                if (!isDone && campaign.Reached.GetValueOrDefault(one.Name) > 0)
                    throw Problem($"reached.{one.Name}", "is never met, as nothing does it", $"0, or a {rate} above 0");
    }

    private void CheckNemesis()
    {
        var nemesis = campaign.Nemesis;
        if (!nemesis.IsOn) return;
        var kinds = Enum.GetValues<NemesisKind>().Where(nemesis.Makes).ToList();
        if (kinds.Count == 0) throw Problem("nemesis.mix", "all faults are 0", "at least one above 0");
        if (campaign.Silos < 2 && kinds.Exists(kind => kind != NemesisKind.Redis))
            throw Problem("silos", $"there is one silo, and silo-0 is never killed or stopped ({Names(kinds)})", "2 or more");
        if (nemesis.Makes(NemesisKind.Kill) && campaign.Placement != Placement.Packed)
            throw Problem("nemesis.mix.kill", "a VM that is spread over silos has no host to die with", "0, or placement packed");
        var longest = kinds.Max(nemesis.LengthOf);
        if (longest >= campaign.Duration)
            throw Problem(
                "nemesis.lengths", $"a fault may last {longest.TotalSeconds:0.###} s, and the run {campaign.Duration.TotalSeconds:0.###} s",
                "faults that are shorter than the run");
        if (nemesis.Count > 0 && nemesis.LatestEnd(longest) is var latest && latest >= campaign.Duration)
            throw Problem(
                "nemesis.count",
                $"the last of {nemesis.Count} faults may end after {latest.TotalSeconds:0.###} s, and the run after "
                    + $"{campaign.Duration.TotalSeconds:0.###} s",
                "fewer faults, a longer run, or 0 for as many as there is time for");
    }

    private static string Names(IEnumerable<NemesisKind> kinds) => string.Join(", ", kinds.Select(KebabCase.Of));

    private UsageException Problem(string path, string problem, string allowed) => settings.Locate(path).Problem(path, problem, allowed);
}
