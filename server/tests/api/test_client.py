"""A Python client made of server/openapi.json books, visits, and gets its money back."""

import datetime
import io
import json
import time

import pytest
from yuyue_client import AuthenticatedClient, Client, models
from yuyue_client.api.homemaking import (
    homemaking_file_upload,
    homemaking_order_act,
    homemaking_order_create,
    homemaking_order_show,
    homemaking_refund_act,
    homemaking_refund_ask,
    homemaking_refund_show,
    homemaking_service_list,
    homemaking_storage_picture,
    homemaking_token_log_in,
)
from yuyue_client.api.slots import (
    slots_available_days,
    slots_available_hours,
    slots_available_minutes,
    slots_cancel_appointment,
    slots_list_appointments,
    slots_make_appointment,
)
from yuyue_client.api.staff import staff_list_ledger, staff_start_session
from yuyue_client.api.visitors import (
    visitors_apply,
    visitors_auth_records,
    visitors_bind_employee,
    visitors_bind_visitor,
    visitors_check_code,
    visitors_decide,
    visitors_employee_binding,
    visitors_qr_code,
    visitors_sign_in,
    visitors_visitor_binding,
)
from yuyue_client.types import File


@pytest.fixture
def client(url) -> Client:
    return Client(base_url=url)


def status_of(client, day, hour, minute) -> int:
    """0: the slot can be booked."""
    reply = slots_available_minutes.sync(
        client=client, body=models.HourRequest(day=day, hour=hour)
    )
    return {one.minute: one.status for one in reply.data.minutes}[minute]


def test_a_booking_and_a_refusal(client):
    day = datetime.date.fromisoformat(slots_available_days.sync(client=client).data.days[-1])
    hours = slots_available_hours.sync(client=client, body=models.DayRequest(day=day)).data
    hour = next(one.hour for one in hours if one.status == 0)
    assert status_of(client, day, hour, 20) == 0

    def book(open_id, phone_num):
        place = {"day": day, "hour": hour, "minute": 20}
        body = models.BookRequest(open_id=open_id, name="张三", phone_num=phone_num, **place)
        return slots_make_appointment.sync_detailed(client=client, body=body)

    booked = book("python-1", "13900000101").parsed
    assert isinstance(booked, models.SlotsReplyBooked)
    assert (booked.error_no, booked.error_msg) == (0, "success")
    assert (booked.data.day, booked.data.hour, booked.data.minute) == (day.isoformat(), hour, 20)
    assert booked.data.datetime_ == f"{day} {hour:02}:20:00"
    assert status_of(client, day, hour, 20) == 1

    refused = book("python-2", "13900000102")
    assert refused.status_code == 200
    assert isinstance(refused.parsed, models.SlotsError)
    assert (refused.parsed.error_no, refused.parsed.data) == (2001, None)

    malformed = book("python-2", "139")
    assert isinstance(malformed.parsed, models.SlotsError)
    assert malformed.parsed.error_no == 1001
    assert "phone_num" in malformed.parsed.error_msg

    own = models.ListRequest(open_id="python-1")
    listed = slots_list_appointments.sync(client=client, body=own).data
    assert [one.appointment_id for one in listed] == [booked.data.appointment_id]
    cancel = models.CancelRequest(open_id="python-1", appointment_id=booked.data.appointment_id)
    cancelled = slots_cancel_appointment.sync(client=client, body=cancel)
    assert cancelled.data.appointment_id == booked.data.appointment_id
    again = slots_cancel_appointment.sync(client=client, body=cancel)
    assert isinstance(again, models.SlotsError)
    assert again.error_no == 3002
    assert slots_list_appointments.sync(client=client, body=own).data == []
    assert status_of(client, day, hour, 20) == 0


def test_a_visit(client):
    host, guest = "13811111111", "13900000111"
    unbound = visitors_visitor_binding.sync(client=client, weixin_user_id="python-guest")
    assert unbound.code == 0
    assert isinstance(unbound.data, models.Nothing)
    bound = visitors_bind_employee.sync(
        client=client,
        body=models.BindEmployee(weixin_user_id="python-host", name="李四", phone=host),
    )
    assert (bound.data.name, bound.data.department) == ("李四", "法务部")
    found = visitors_employee_binding.sync(client=client, weixin_user_id="python-host")
    assert isinstance(found.data, models.EmployeeView)
    assert found.data.phone == host
    visitors_bind_visitor.sync(
        client=client, body=models.BindVisitor(weixin_user_id="python-guest", phone=guest)
    )

    now = int(time.time())
    wish = {"name": "张三", "phone": guest, "interviewee": "李四", "interviewee_phone": host}
    application = models.ApplyRequest(
        subject_type=1, proposer=guest, start_time=now, end_time=now + 3600, **wish
    )
    applied = visitors_apply.sync(client=client, body=application)
    assert isinstance(applied, models.VisitorsReplyRecord)
    assert (applied.data.is_auth, applied.data.interviewee) == (0, "李四")
    early = visitors_sign_in.sync(client=client, body=models.VisitSignInRequest(phone=guest))
    assert isinstance(early, models.VisitorsError)
    assert early.code != 0

    decided = visitors_decide.sync(applied.data.id, client=client, body=models.DecisionRequest())
    assert isinstance(decided, models.VisitorsAnswer)
    listed = visitors_auth_records.sync(client=client, phone=host)
    assert [(one.id, one.is_auth) for one in listed.data] == [(applied.data.id, 1)]
    assert listed.page.count == 1

    signed_in = visitors_sign_in.sync(client=client, body=models.VisitSignInRequest(phone=guest))
    assert isinstance(signed_in, models.VisitorsReplyVisitSignedIn)
    assert signed_in.data.id == applied.data.id
    name = signed_in.data.qrcode_img_url.rsplit("/", 1)[1]
    picture = visitors_qr_code.sync(name, client=client)
    assert picture.payload.read(3) == b"\xff\xd8\xff"
    passed = visitors_check_code.sync(
        client=client, body=models.PassRequest(qrcode=signed_in.data.qrcode)
    )
    assert isinstance(passed, models.VisitorsAnswer)
    forged = json.dumps({"id": applied.data.id, "qrcode": "0" * 32})
    refused = visitors_check_code.sync(client=client, body=models.PassRequest(qrcode=forged))
    assert isinstance(refused, models.VisitorsError)
    assert refused.code == -211


def user(url, number) -> AuthenticatedClient:
    """One of the demo's five users of the marketplace."""
    pair = models.TokenRequest(i_code=f"demo-{number}", order_no=1000 + number)
    token = homemaking_token_log_in.sync(client=Client(base_url=url), body=pair).data.token
    return AuthenticatedClient(base_url=url, token=token, prefix="", auth_header_name="token")


def until_paid_back(client, refund_id):
    """The refund once the system, which works through its jobs on its own, has paid back."""
    deadline = time.monotonic() + 30
    while (refund := homemaking_refund_show.sync(refund_id, client=client).data).status != 2:
        assert refund.status == 1, "agreed, and on its way"
        assert time.monotonic() < deadline
    return refund


def test_an_order_is_paid_and_paid_back(url, client):
    publisher, consumer = user(url, 1), user(url, 2)
    offered = homemaking_service_list.sync(client=client, page=1, count=50).data
    service = next(one for one in offered.data if one.id == 1)
    address = models.AddressType0.from_dict({"userName": "张三", "detailInfo": "新港中路397号"})
    order = models.OrderRequest(service_id=service.id, address=address)
    order_id = homemaking_order_create.sync(client=consumer, body=order).data.order_id

    def act(client, action):
        body = models.OrderActionRequest(action=action)
        return homemaking_order_act.sync_detailed(order_id, client=client, body=body)

    def state():
        return homemaking_order_show.sync(order_id, client=consumer).data.status

    refused = act(consumer, 1)
    assert isinstance(refused.parsed, models.HomemakingError)
    assert (refused.status_code, refused.parsed.error_code) == (403, 10012)
    assert state() == 0
    assert (act(publisher, 1).status_code, state()) == (200, 1)
    assert (act(consumer, 3).status_code, state()) == (200, 2)

    asked = homemaking_refund_ask.sync(
        client=consumer, body=models.RefundRequest(order_id=order_id, reason="临时有事")
    )
    agreed = homemaking_refund_act.sync(
        asked.data.id, client=publisher, body=models.RefundActionRequest(action=1)
    )
    assert agreed.data.result is True
    paid_back = until_paid_back(consumer, asked.data.id)
    assert (paid_back.reason, paid_back.service_order.status) == ("临时有事", 5)
    assert paid_back.service_order.price == service.price

    log_in = models.StaffLogin(username="admin", password="demo-admin")
    token = staff_start_session.sync(client=client, body=log_in).token
    staff = AuthenticatedClient(base_url=url, token=token)
    ledger = staff_list_ledger.sync(client=staff, size=100)
    lines = {one.kind: one.amount for one in ledger.items if one.order_id == order_id}
    assert lines == {"charge": service.price, "refund": service.price}


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


def test_a_picture_goes_up_and_comes_back(client):
    form = models.UploadForm()
    form["front"] = File(payload=io.BytesIO(PNG), file_name="front.png", mime_type="image/png")
    uploaded = homemaking_file_upload.sync_detailed(client=client, body=form)
    assert uploaded.status_code == 201
    (picture,) = uploaded.parsed.data
    assert picture.key == "front"
    day, name = picture.path.rsplit("/", 2)[1:]
    shown = homemaking_storage_picture.sync_detailed(day, name, client=client)
    assert shown.headers["content-type"] == "image/png"
    assert shown.parsed.payload.read(8) == PNG[:8]
