using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>Content classes: in their shares, the same for every VM, and tokens that identify a single write.</summary>
public sealed class PageContentTests
{
    private const int Pages = 20_000;

    [Fact]
    public void Shares_of_the_classes_are_those_asked_for()
    {
        var content = new PageContent(seed: 3, vmOrdinal: 1, vcpu: 0, zeroPercent: 15, repeatedPercent: 25);
        var classes = Enumerable.Range(0, Pages).Select(page => ClassOf(content.Next(page))).ToList();
        Assert.InRange(classes.Count(c => c == "zero"), Pages * 14 / 100, Pages * 16 / 100);
        Assert.InRange(classes.Count(c => c == "repeated"), Pages * 24 / 100, Pages * 26 / 100);
    }

    [Fact]
    public void The_same_page_of_two_vms_has_the_same_class_and_pattern()
    {
        var first = new PageContent(3, vmOrdinal: 1, vcpu: 0, zeroPercent: 15, repeatedPercent: 25);
        var second = new PageContent(3, vmOrdinal: 2, vcpu: 5, zeroPercent: 15, repeatedPercent: 25);
        for (var page = 0; page < Pages; page++)
        {
            var (left, right) = (first.Next(page), second.Next(page));
            Assert.Equal(ClassOf(left), ClassOf(right));
            if (ClassOf(left) == "token") Assert.NotEqual(left, right);
            else Assert.Equal(left, right);
        }
    }

    [Fact]
    public void A_page_keeps_its_class_and_pattern_over_all_writes()
    {
        var content = new PageContent(3, 1, 0, zeroPercent: 30, repeatedPercent: 30);
        for (var page = 0; page < 500; page++)
        {
            var (left, right) = (content.Next(page), content.Next(page));
            Assert.Equal(ClassOf(left), ClassOf(right));
            if (ClassOf(left) != "token") Assert.Equal(left, right);
        }
    }

    [Fact]
    public void As_many_patterns_as_asked_for_are_repeated()
    {
        var content = new PageContent(3, 1, 0, zeroPercent: 0, repeatedPercent: 100, patterns: 16);
        Assert.Equal(16, Enumerable.Range(0, Pages).Select(page => content.Next(page)).Distinct().Count());
    }

    [Fact]
    public void Unique_tokens_never_repeat_over_vms_vcpus_pages_and_writes()
    {
        var seen = new HashSet<ulong>();
        foreach (var vm in (int[])[0, 1, PageContent.MaxVms - 1])
        {
            foreach (var vcpu in (int[])[0, 1, PageContent.MaxVcpus - 1])
            {
                var content = new PageContent(3, vm, vcpu, zeroPercent: 0, repeatedPercent: 0);
                for (var write = 0; write < 2000; write++)
                {
                    var value = content.Next(write % 7);
                    Assert.Equal("token", ClassOf(value));
                    Assert.True(seen.Add(value));
                }
            }
        }
    }

    private static string ClassOf(ulong value) => value == 0 ? "zero" : PageContent.IsPattern(value) ? "repeated" : "token";
}
